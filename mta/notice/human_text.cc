#include "mta/notice/human_text.h"

#include <algorithm>
#include <utility>

#include "mta/notice/cause.h"
#include "mta/notice/delivery_status.h"
#include "mta/notice/mime.h"
#include "mta/notice/spoken.h"
#include "mta/notice/technical_text.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxBlocks = 10;
constexpr std::size_t kMaxReason = 500;  // an operator's, in a sentence
constexpr std::size_t kMaxSubject = 1000;

using Recipients = std::vector<const NoticeRecipient*>;

/// Recipients whose lines agree, but for the first, which the headline gives.
struct Group {
  std::string_view headline;
  Block lines;
  Recipients recipients;
};

/// It may have arrived, as far as we know: the host did not answer, or we did not see the end.
bool is_in_doubt(const NoticeRecipient& recipient) {
  return !is_good_news(recipient.kind) && recipient.given.most() >= queue::Given::unknown;
}

/// The key in [subject] and [verdict].
std::string_view headline_of(const NoticeRecipient& recipient) {
  if (!is_in_doubt(recipient)) return to_string(recipient.kind);
  return recipient.kind == NoticeKind::failed ? kFailedInDoubt : kDelayedInDoubt;
}

/// As the sender wrote it: "münchen.example" says more than its A-label.
std::string domain_of(const NoticeRecipient& recipient) {
  if (!recipient.relay.empty()) return recipient.relay;
  const Mailbox& address = recipient.address;
  if (address.text.size() <= address.local_part.size() + 1) return to_string(address.host);
  return address.text.substr(address.local_part.size() + 1);
}

/// Which texts one recipient gets.
struct Choice {
  std::string_view cause;
  std::vector<Sent> sent;
};

Choice choose(const NoticeRecipient& recipient) {
  if (is_good_news(recipient.kind))
    return {to_string(recipient.kind), {sent_when_passed_on(recipient.exposure)}};
  const Cause& cause = cause_of(recipient.failure);
  return {cause.name, sent_of(cause, recipient.exposure, recipient.given)};
}

Values values_for(const NoticeRecipient& recipient, const std::string& postmaster, UtcTime now,
                  const LanguageTexts& texts) {
  return {{"domain", visible_line(domain_of(recipient), kMaxAddress)},
          {"postmaster", postmaster},
          {"reason", visible_line(recipient.failure.detail, kMaxReason)},
          {"server", host_name(recipient.host)},
          {"time", spoken_time(recipient.last_attempt.value_or(now), texts)}};
}

std::string what_was_sent(const Choice& choice, const Values& values, const LanguageTexts& texts) {
  std::string line;
  for (const Sent claim : choice.sent) {
    if (!line.empty()) line += ' ';
    line += texts.say("sent", to_string(claim), values);
  }
  return line;
}

std::string while_it_waits(const NoticeRecipient& recipient, const Values& values,
                           const LanguageTexts& texts) {
  std::string line = texts.say("next", "delayed", values);
  const auto& attempts = recipient.next_attempts;
  if (!attempts.empty()) {
    line += ' ' + texts.say("next", attempts.size() == 1 ? "attempt" : "attempts",
                            {{"next_attempts", spoken_attempts(attempts, texts)}});
  }
  if (recipient.give_up_at) {
    line += ' ' +
            texts.say("next", "give-up", {{"give_up", spoken_time(*recipient.give_up_at, texts)}});
  }
  return line;
}

std::string what_happens_next(const NoticeRecipient& recipient, const Values& values,
                              const LanguageTexts& texts) {
  if (recipient.kind == NoticeKind::delayed) return while_it_waits(recipient, values, texts);
  const bool expired = recipient.kind == NoticeKind::failed && recipient.expired;
  return texts.say("next", expired ? "expired" : to_string(recipient.kind), values);
}

/// All but the first line.
Block lines_for(const NoticeFacts& facts, const NoticeRecipient& recipient,
                const LanguageTexts& texts) {
  const Values values = values_for(recipient, facts.postmaster, facts.now, texts);
  const Choice choice = choose(recipient);
  return {"", texts.say("happened", choice.cause, values), what_was_sent(choice, values, texts),
          what_happens_next(recipient, values, texts), texts.say("mend", choice.cause, values)};
}

Recipients gravest_first(const NoticeFacts& facts) {
  Recipients recipients;
  for (const NoticeRecipient& recipient : facts.recipients)
    recipients.push_back(&recipient);
  std::ranges::stable_sort(recipients, {}, [](const auto* recipient) {
    return std::pair(recipient->kind, is_in_doubt(*recipient));
  });
  return recipients;
}

/// One that has no room in any is left out.
std::vector<Group> group_by_lines(const NoticeFacts& facts, const LanguageTexts& texts) {
  std::vector<Group> groups;
  for (const NoticeRecipient* recipient : gravest_first(facts)) {
    Block lines = lines_for(facts, *recipient, texts);
    const auto group = std::ranges::find_if(groups, [&](const Group& each) {
      return each.headline == headline_of(*recipient) && each.lines == lines;
    });
    if (group != groups.end()) {
      group->recipients.push_back(recipient);
    } else if (groups.size() < kMaxBlocks) {
      groups.push_back({headline_of(*recipient), std::move(lines), {recipient}});
    }
  }
  return groups;
}

/// Which of their messages it was; without its subject when that would not be readable here.
std::string which_message(const queue::Message& original, const LanguageTexts& texts) {
  const std::string subject =
      spoken_subject(find_field(original.header, "Subject").value_or(""), kMaxSubject);
  return texts.say("words", subject.empty() ? "arrived" : "arrived-subject",
                   {{"time", spoken_time(original.arrived, texts)}, {"subject", subject}});
}

/// About those it is gravest for.
std::string title_of(const NoticeFacts& facts, const LanguageTexts& texts) {
  Recipients recipients = gravest_first(facts);
  const std::string_view headline = headline_of(*recipients.at(0));
  std::erase_if(recipients,
                [&](const auto* recipient) { return headline_of(*recipient) != headline; });
  return texts.say("subject", headline, {{"recipients", spoken_recipients(recipients, texts)}});
}

}  // namespace

std::string in_short(const NoticeRecipient& recipient, const std::string& postmaster, UtcTime now,
                     const LanguageTexts& texts) {
  const Values values = values_for(recipient, postmaster, now, texts);
  const Choice choice = choose(recipient);
  return texts.say("happened", choice.cause, values) + ' ' + what_was_sent(choice, values, texts);
}

HumanText human_text(const NoticeFacts& facts, const LanguageTexts& texts) {
  HumanText text{.title = title_of(facts, texts),
                 .blocks = {},
                 .more_recipients = {},
                 .which_message = which_message(facts.original, texts),
                 .technical_heading = texts.text("words", "technical"),
                 .technical = technical_text(facts)};
  std::size_t left = facts.recipients.size();
  for (Group& group : group_by_lines(facts, texts)) {
    group.lines.front() = texts.say("verdict", group.headline,
                                    {{"recipients", spoken_recipients(group.recipients, texts)}});
    text.blocks.push_back(std::move(group.lines));
    left -= group.recipients.size();
  }
  if (left > 0) {
    text.more_recipients = texts.say("words", "more-recipients", {{"count", std::to_string(left)}});
  }
  return text;
}

}  // namespace fulmar::notice
