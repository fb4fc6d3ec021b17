#include "mta/notice/human_part.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <tuple>
#include <utility>

#include "base/ascii.h"
#include "mta/notice/delivery_status.h"
#include "mta/notice/words.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxNamed = 3;      // recipients in a sentence
constexpr std::size_t kMaxCauses = 10;    // blocks of five lines
constexpr std::size_t kMaxDetailed = 20;  // recipients with their technical details
constexpr std::size_t kMaxTechnical = 200;
constexpr std::size_t kMaxReason = 500;  // an operator's, in a sentence
constexpr std::size_t kMaxTechnicalLine = 1000;

using Group = std::vector<const NoticeRecipient*>;

/// As the sender wrote it: "münchen.example" says more than its A-label.
std::string domain_of(const NoticeRecipient& recipient) {
  if (!recipient.relay.empty()) return recipient.relay;
  const Mailbox& address = recipient.address;
  if (address.text.size() <= address.local_part.size() + 1) return to_string(address.host);
  return address.text.substr(address.local_part.size() + 1);
}

const Words& words_of(const NoticeRecipient& recipient) {
  return is_good_news(recipient.kind) ? words_for_relayed(recipient.exposure)
                                      : words_for(recipient.failure);
}

std::string_view sent_sentence(const NoticeRecipient& recipient) {
  return sent_sentence(words_of(recipient), recipient.exposure);
}

/// What of a recipient stands in the five lines, but for its address.
auto block_of(const NoticeRecipient& recipient) {
  std::string_view server;
  if (is_good_news(recipient.kind)) server = recipient.host;
  return std::tuple(recipient.kind, words_of(recipient).happened, server, sent_sentence(recipient),
                    recipient.expired, recipient.address.host, recipient.next_attempts,
                    recipient.give_up_at);
}

/// The gravest first; one that has no room in any is left out.
std::vector<Group> group_by_block(const NoticeFacts& facts) {
  std::vector<const NoticeRecipient*> recipients;
  for (const NoticeRecipient& recipient : facts.recipients)
    recipients.push_back(&recipient);
  std::ranges::stable_sort(recipients, {}, [](const auto* recipient) { return recipient->kind; });
  std::vector<Group> groups;
  for (const NoticeRecipient* recipient : recipients) {
    const auto group = std::ranges::find_if(
        groups, [&](const Group& each) { return block_of(*each.front()) == block_of(*recipient); });
    if (group != groups.end()) {
      group->push_back(recipient);
    } else if (groups.size() < kMaxCauses) {
      groups.push_back({recipient});
    }
  }
  return groups;
}

/// "21 November 2026, 23:09 UTC".
std::string spoken_time(UtcTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%d %B %Y, %H:%M} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

std::string what_happens_while_it_waits(const NoticeRecipient& recipient) {
  std::string line = "We keep trying; you need not send it again";
  const auto& attempts = recipient.next_attempts;
  if (!attempts.empty()) line += ". Next attempt: " + spoken_time(attempts.front());
  for (std::size_t i = 1; i < attempts.size(); ++i)
    line += (i == 1 ? ", then about " : " and ") + spoken_time(attempts[i]);
  if (recipient.give_up_at) line += ". We give up at: " + spoken_time(*recipient.give_up_at);
  return line + ".";
}

std::string what_happens_next(const NoticeRecipient& recipient) {
  switch (recipient.kind) {
    case NoticeKind::failed:
      return recipient.expired
                 ? "Time limit reached: we have stopped trying. Once the cause is mended, please "
                   "send it again."
                 : "We will not try again. Once the cause is mended, please send it again.";
    case NoticeKind::delayed:
      return what_happens_while_it_waits(recipient);
    case NoticeKind::cleared:
      return "The delay that we told you of is over: you need do nothing.";
    case NoticeKind::relayed:
      return "That server does not promise to tell more: you may not hear whether the message "
             "arrives.";
  }
  std::unreachable();
}

std::string_view verdict_of(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::failed:
      return "was not delivered.";
    case NoticeKind::delayed:
      return "has not been delivered yet.";
    case NoticeKind::cleared:
      return "went on its way after all.";
    case NoticeKind::relayed:
      return "was handed over to the next server on its way.";
  }
  std::unreachable();
}

std::string cause_block(const NoticeFacts& facts, const Group& group) {
  const NoticeRecipient& first = *group.front();
  const Words& words = words_of(first);
  const Values values{.domain = domain_of(first),
                      .postmaster = facts.postmaster,
                      .reason = sanitize_line(first.failure.detail, kMaxReason),
                      .server = host_name(first.host)};
  return fmt::format("Your message to {} {}\n{}\n{}\n{}\n{}\n", name_recipients(group),
                     verdict_of(first.kind), fill_in(words.happened, values),
                     fill_in(sent_sentence(first), values), what_happens_next(first),
                     fill_in(words.mend, values));
}

/// Which of their messages it was; empty when its subject would not be readable here.
std::string which_message(const queue::Message& original) {
  const std::string subject =
      sanitize_line(find_field(original.header, "Subject").value_or(""), kMaxTechnicalLine);
  const std::string sent = "The message reached us on " + spoken_time(original.arrived);
  if (subject.empty() || subject.find("=?") != std::string::npos) return "\n" + sent + ".\n";
  return fmt::format("\n{}; its subject is \"{}\".\n", sent, subject);
}

std::string indented(std::string_view lines) {
  std::string result;
  for (const char c : lines) {
    result += c;
    if (c == '\n') result += "    ";
  }
  return "    " + result + "\n";
}

std::string technical_failure(const NoticeRecipient& recipient) {
  std::string text = fmt::format("Cause: {} (status {}){}\n", to_string(recipient.failure.code),
                                 to_string(recipient.failure.status),
                                 recipient.expired ? ", time limit reached" : "");
  if (!recipient.failure.detail.empty()) {
    text += "Detail: " + sanitize_line(recipient.failure.detail, kMaxTechnicalLine) + "\n";
  }
  if (recipient.failing_since) {
    text += "Failing this way since: " + to_iso8601(*recipient.failing_since) + "\n";
  }
  return text;
}

std::string technical_times(const NoticeRecipient& recipient) {
  std::string text =
      "Last attempt: " + (recipient.last_attempt ? to_iso8601(*recipient.last_attempt) : "none") +
      "\n";
  if (!recipient.next_attempts.empty()) {
    text += "Next attempt: " + to_iso8601(recipient.next_attempts.front()) + "\n";
  }
  if (recipient.give_up_at) text += "Giving up: " + to_iso8601(*recipient.give_up_at) + "\n";
  return text;
}

std::string technical_recipient(const NoticeFacts& facts, const NoticeRecipient& recipient) {
  std::string text = fmt::format("\nRecipient: {}\n", recipient.address.text);
  if (!is_good_news(recipient.kind)) text += technical_failure(recipient);
  text += technical_times(recipient);
  if (!recipient.host.empty())
    text += "Host: " + sanitize_line(recipient.host, kMaxTechnicalLine) + "\n";
  if (recipient.reply.empty()) {
    text += "This was decided by our server.\n";
  } else {
    text += "The other server said:\n" +
            indented(utf8_words(recipient.reply, reply_allowance(facts.recipients.size())));
  }
  return text;
}

/// Every destination gets an equal share of the lines.
std::string technical_sections(const NoticeFacts& facts) {
  std::string text;
  const std::size_t share = kMaxTechnical / std::max<std::size_t>(1, facts.technical.size());
  for (const TechnicalSection& section : facts.technical) {
    if (section.lines.empty()) continue;
    text += "\nOn the way to " + sanitize_line(section.destination, kMaxTechnicalLine) + "\n";
    for (const std::string& line : section.lines | std::views::take(share))
      text += sanitize_line(line, kMaxTechnicalLine) + "\n";
  }
  return text;
}

std::string technical_part(const NoticeFacts& facts) {
  std::string text = "\n" + std::string(72, '-') + "\nTechnical details\n\n";
  text += fmt::format("Queue id: {}\nReporting server: {}\n", facts.original.id.str(),
                      facts.reporting_mta.str());
  text += "Arrived: " + to_iso8601(facts.original.arrived) + "\n";
  const std::size_t detailed = std::min(facts.recipients.size(), kMaxDetailed);
  for (std::size_t i = 0; i < detailed; ++i) {
    text += technical_recipient(facts, facts.recipients[i]);
  }
  if (facts.recipients.size() > detailed) {
    text += fmt::format("\n{} more recipients stand in the delivery status attached.\n",
                        facts.recipients.size() - detailed);
  }
  return text + technical_sections(facts);
}

}  // namespace

std::string name_recipients(const std::vector<const NoticeRecipient*>& recipients) {
  std::string text;
  const std::size_t named = std::min(recipients.size(), kMaxNamed);
  for (std::size_t i = 0; i < named; ++i) {
    const bool last = i + 1 == named && named == recipients.size();
    if (i > 0) text += last ? " and " : ", ";
    text += recipients[i]->address.text;
  }
  if (recipients.size() > named) text += fmt::format(" and {} more", recipients.size() - named);
  return text;
}

Part human_part(const NoticeFacts& facts) {
  std::string text;
  std::size_t told = 0;
  for (const Group& group : group_by_block(facts)) {
    text += (text.empty() ? "" : "\n") + cause_block(facts, group);
    told += group.size();
  }
  if (told < facts.recipients.size()) {
    text += fmt::format("\n{} more recipients are concerned; see below.\n",
                        facts.recipients.size() - told);
  }
  text += which_message(facts.original) + technical_part(facts);
  return {"text/plain; charset=utf-8", with_crlf(text)};
}

}  // namespace fulmar::notice
