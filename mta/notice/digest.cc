#include "mta/notice/digest.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mta/notice/mime.h"
#include "mta/notice/spoken.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxWords = 500;  // octets, of a subject or a detail

std::string when(const Trouble& trouble, const LanguageTexts& texts) {
  const std::string time = spoken_time(trouble.last, texts);
  if (trouble.lasts) return texts.say("digest", "so-at", {{"time", time}});
  if (trouble.count == 1) return texts.say("digest", "once", {{"time", time}});
  return texts.say("digest", "times", {{"count", std::to_string(trouble.count)}, {"time", time}});
}

/// Others' words among it, so that it never reads as ours.
std::string quoted(const std::string& detail) {
  std::string line = visible_line(detail, kMaxWords);
  std::ranges::replace(line, '"', '\'');
  return '"' + line + '"';
}

/// 'mx1.b.example:25: "no TLSA records" (2 times, last on 22 November 2026, 23:09 UTC)'. Of an
/// address, what stands before the @ is anybody's choice.
std::string item_of(const Trouble& trouble, const LanguageTexts& texts) {
  const bool is_address = trouble.kind == TroubleKind::notice_dropped;
  const std::string subject =
      is_address ? quoted(trouble.subject) : visible_line(trouble.subject, kMaxWords);
  return subject + ": " + quoted(trouble.detail) + " (" + when(trouble, texts) + ")";
}

SectionedText::Section section_of(TroubleKind kind, const std::vector<Trouble>& troubles,
                                  const LanguageTexts& texts) {
  SectionedText::Section section{.heading = texts.text("trouble", to_string(kind)),
                                 .groups = {{texts.text("trouble-mend", to_string(kind)), {}}}};
  for (const Trouble& trouble : troubles) {
    if (trouble.kind == kind) section.groups[0].items.push_back(item_of(trouble, texts));
  }
  return section;
}

}  // namespace

SectionedText digest_text(const DigestFacts& facts, const LanguageTexts& texts) {
  FULMAR_CHECK(!facts.troubles.named.empty());
  const auto& [named, left_out] = facts.troubles;
  const Values values = {{"count", std::to_string(named.size())},
                         {"server", facts.reporting_mta.str()}};
  SectionedText words{
      .title = texts.say("digest", "subject", values),
      .opening = {texts.say("digest", "opening", values), texts.say("digest", "mend", values)}};
  for (const TroubleKind kind : kTroubleKinds) {
    auto section = section_of(kind, named, texts);
    if (!section.groups[0].items.empty()) words.sections.push_back(std::move(section));
  }
  if (left_out > 0) {
    words.closing.push_back(texts.say("digest", "left-out", {{"count", std::to_string(left_out)}}));
  }
  words.closing.push_back(texts.say("digest", "again", values));
  return words;
}

std::string compose_digest(const DigestFacts& facts, const LanguageTexts& texts) {
  return compose_mail(digest_text(facts, texts), {.postmaster = facts.postmaster.text,
                                                  .to = facts.postmaster,
                                                  .subject = {},
                                                  .now = facts.now,
                                                  .id = facts.id,
                                                  .reporting_mta = facts.reporting_mta,
                                                  .in_reply_to = {},
                                                  .language = texts.tag(),
                                                  .unprompted = true});
}

}  // namespace fulmar::notice
