#include "mta/notice/summary_text.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mta/notice/human_text.h"
#include "mta/notice/mime.h"
#include "mta/notice/spoken.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxSubject = 120;
constexpr std::size_t kMaxReply = 300;

using Group = SectionedText::Group;
using Section = SectionedText::Section;

/// "bob@b.example, 21 November 2026, 23:09 UTC, "Quarterly figures", 3Kq…: 550 no".
std::string item_of(const SummaryEntry& entry, const LanguageTexts& texts) {
  std::string item = visible_line(entry.recipient.address.text, kMaxAddress) + ", " +
                     spoken_time(entry.arrived, texts);
  const std::string subject = spoken_subject(entry.subject, kMaxSubject);
  if (!subject.empty()) item += ", \"" + subject + '"';
  item += ", " + entry.message.str();
  const bool said = !is_good_news(entry.recipient.kind) && !entry.recipient.reply.empty();
  if (said) {
    std::string reply = utf8_words(entry.recipient.reply, kMaxReply);
    std::ranges::replace(reply, '\n', ' ');
    item += ": " + reply;
  }
  return item;
}

Section section_of(NoticeKind kind, const SummaryFacts& facts, const LanguageTexts& texts,
                   std::size_t& room) {
  Section section;
  std::size_t count = 0;
  for (const SummaryEntry& entry : facts.entries) {
    if (entry.recipient.kind != kind) continue;
    ++count;
    if (room == 0) continue;
    --room;
    std::string sentence = in_short(entry.recipient, facts.postmaster, facts.now, texts);
    auto group = std::ranges::find(section.groups, sentence, &Group::sentence);
    if (group == section.groups.end()) {
      group = section.groups.insert(group, Group{std::move(sentence), {}});
    }
    group->items.push_back(item_of(entry, texts));
  }
  if (count > 0) {
    section.heading = texts.say("summary", to_string(kind), {{"count", std::to_string(count)}});
  }
  return section;
}

}  // namespace

SectionedText summary_text(const SummaryFacts& facts, const LanguageTexts& texts) {
  FULMAR_CHECK(!facts.entries.empty());
  const Values values = {{"count", std::to_string(facts.entries.size())},
                         {"postmaster", facts.postmaster}};
  SectionedText text{
      .title = texts.say("summary", "subject", values),
      .opening = {texts.say("summary", "opening", values), texts.say("summary", "mend", values)}};
  std::size_t room = kMaxSummarized;
  for (const NoticeKind kind : kNoticeKinds) {
    Section section = section_of(kind, facts, texts, room);
    if (!section.heading.empty()) text.sections.push_back(std::move(section));
  }
  if (facts.entries.size() > kMaxSummarized) {
    text.closing.push_back(
        texts.say("summary", "left-out",
                  {{"count", std::to_string(facts.entries.size() - kMaxSummarized)},
                   {"postmaster", facts.postmaster}}));
  }
  return text;
}

}  // namespace fulmar::notice
