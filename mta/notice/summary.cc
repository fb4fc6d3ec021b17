#include "mta/notice/summary.h"

#include "mta/notice/letterhead.h"
#include "mta/notice/mime.h"
#include "mta/notice/summary_text.h"

namespace fulmar::notice {

std::string compose_summary(const SummaryFacts& facts, const LanguageTexts& texts) {
  const SectionedText text = summary_text(facts, texts);
  const Part part = both_forms(plain_text(text), html_text(text, texts.tag()), facts.id.str());
  const std::string header = header_fields({.postmaster = facts.postmaster,
                                            .to = facts.sender,
                                            .subject = text.title,
                                            .now = facts.now,
                                            .id = facts.id,
                                            .reporting_mta = facts.reporting_mta,
                                            .in_reply_to = {},
                                            .language = texts.tag()});
  return header + header_field("Content-Type", part.type) + "\r\n" + part.content;
}

}  // namespace fulmar::notice
