#include "mta/notice/summary.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/notice/html.h"
#include "mta/notice/human_text.h"
#include "mta/notice/letterhead.h"
#include "mta/notice/mime.h"
#include "mta/notice/spoken.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxSubject = 120;
constexpr std::size_t kMaxReply = 300;

/// Recipients of whom the same can be said.
struct Group {
  std::string sentence;
  std::vector<std::string> items;
};
struct Section {
  std::string heading;
  std::vector<Group> groups;
};

std::string spoken_subject(const std::string& subject) {
  const std::string line = utf8_words(subject, kMaxSubject);
  return line.find("=?") == std::string::npos ? sanitize_line(line, kMaxSubject) : "";
}

/// "bob@b.example, 21 November 2026, 23:09 UTC, "Quarterly figures", 3Kq…: 550 no".
std::string item_of(const SummaryEntry& entry, const LanguageTexts& texts) {
  std::string item = entry.recipient.address.text + ", " + spoken_time(entry.arrived, texts);
  const std::string subject = spoken_subject(entry.subject);
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

struct Words {
  std::string title;
  std::vector<std::string> opening;
  std::vector<Section> sections;
  std::string left_out;  ///< Empty when everybody is named.
};

Words words_of(const SummaryFacts& facts, const LanguageTexts& texts) {
  const Values values = {{"count", std::to_string(facts.entries.size())},
                         {"postmaster", facts.postmaster}};
  Words words{
      .title = texts.say("summary", "subject", values),
      .opening = {texts.say("summary", "opening", values), texts.say("summary", "mend", values)}};
  std::size_t room = kMaxSummarized;
  for (const NoticeKind kind : kNoticeKinds) {
    Section section = section_of(kind, facts, texts, room);
    if (!section.heading.empty()) words.sections.push_back(std::move(section));
  }
  if (facts.entries.size() > kMaxSummarized) {
    words.left_out = texts.say("summary", "left-out",
                               {{"count", std::to_string(facts.entries.size() - kMaxSummarized)},
                                {"postmaster", facts.postmaster}});
  }
  return words;
}

std::string plain_form(const Words& words) {
  std::string text;
  for (const std::string& line : words.opening)
    text += line + "\n";
  for (const Section& section : words.sections) {
    text += "\n" + section.heading + "\n";
    for (const Group& group : section.groups) {
      text += "\n" + group.sentence + "\n";
      for (const std::string& item : group.items)
        text += "  - " + item + "\n";
    }
  }
  if (!words.left_out.empty()) text += "\n" + words.left_out + "\n";
  return text;
}

std::string html_form(const Words& words, std::string_view language) {
  std::string body;
  for (const std::string& line : words.opening)
    body += "<p>" + html_escaped(line) + "</p>\n";
  for (const Section& section : words.sections) {
    body += "<section>\n<h2>" + html_escaped(section.heading) + "</h2>\n";
    for (const Group& group : section.groups) {
      body += "<p>" + html_escaped(group.sentence) + "</p>\n<ul>\n";
      for (const std::string& item : group.items)
        body += "<li>" + html_escaped(item) + "</li>\n";
      body += "</ul>\n";
    }
    body += "</section>\n";
  }
  if (!words.left_out.empty()) body += "<p>" + html_escaped(words.left_out) + "</p>\n";
  return html_document(language, words.title, body);
}

}  // namespace

std::string compose_summary(const SummaryFacts& facts, const LanguageTexts& texts) {
  FULMAR_CHECK(!facts.entries.empty());
  const Words words = words_of(facts, texts);
  const Part part = both_forms(plain_form(words), html_form(words, texts.tag()), facts.id.str());
  const std::string header = header_fields({.postmaster = facts.postmaster,
                                            .to = facts.sender,
                                            .subject = words.title,
                                            .now = facts.now,
                                            .id = facts.id,
                                            .reporting_mta = facts.reporting_mta,
                                            .in_reply_to = {},
                                            .language = texts.tag()});
  return header + header_field("Content-Type", part.type) + "\r\n" + part.content;
}

}  // namespace fulmar::notice
