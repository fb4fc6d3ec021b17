#include "mta/notice/summary.h"

#include "mta/notice/sections.h"
#include "mta/notice/summary_text.h"

namespace fulmar::notice {

std::string compose_summary(const SummaryFacts& facts, const LanguageTexts& texts) {
  return compose_mail(summary_text(facts, texts), {.postmaster = facts.postmaster,
                                                   .to = facts.sender,
                                                   .subject = {},
                                                   .now = facts.now,
                                                   .id = facts.id,
                                                   .reporting_mta = facts.reporting_mta,
                                                   .in_reply_to = {},
                                                   .language = texts.tag()});
}

}  // namespace fulmar::notice
