#include "mta/delivery/owed_notices.h"

#include <algorithm>
#include <utility>

#include "mta/delivery/record.h"
#include "mta/notice/mime.h"

namespace fulmar::delivery {

using notice::NoticeKind;

namespace {

/// Octets of a header field, in a summary.
constexpr std::size_t kMaxFieldKept = 250;

notice::NoticeRecipient facts_of(const OwedWord& word) {
  const queue::Recipient& recipient = word.recipient;
  notice::NoticeRecipient facts{
      .kind = word.kind,
      .address = recipient.address,
      .original_recipient = recipient.original_recipient,
      .failure = recipient.last_failure.value_or(
          make_error(Errc::expired, "no attempt could be finished")),
      .expired = word.expired,
      .host = recipient.last_host,
      .reply = recipient.last_reply,
      .exposure = recipient.exposure,
      .given = recipient.given,
  };
  // Else it counts from the latest attempt only.
  const bool is_steady = recipient.last_failure && recipient.one_cause &&
                         conf::class_of(recipient.last_failure->code) != nullptr;
  if (is_steady && recipient.failing_since != UtcTime{}) {
    facts.failing_since = recipient.failing_since;
  }
  return facts;
}

}  // namespace

bool counts_as_failed(const queue::Message& message, const queue::Recipient& recipient) {
  return !message.sender || recipient.notify.wants_failure();
}

bool is_owed_relayed(const queue::Message& message, const queue::Recipient& recipient,
                     const RecipientResult& delivered) {
  return message.sender && recipient.notify.wants_success() &&
         delivered.dsn_duty == smtp::DsnDuty::ours;
}

bool is_owed_cleared(const queue::Message& message, const queue::Delivery& delivery,
                     const queue::Recipient& recipient, const conf::Notify& notify) {
  return notify.cleared && message.sender && delivery.delay_notices > 0 && !recipient.notify.stated;
}

OwedWord failed(queue::Recipient recipient) {
  return {.kind = NoticeKind::failed, .recipient = std::move(recipient)};
}

OwedWord expired(queue::Recipient recipient) {
  Error cause =
      recipient.last_failure.value_or(make_error(Errc::expired, "no attempt could be finished"));
  cause.status = as_permanent(cause.status);
  cause.retry = Retry::never;
  recipient.last_failure = std::move(cause);
  return {.kind = NoticeKind::failed, .recipient = std::move(recipient), .expired = true};
}

OwedWord ended(queue::Recipient recipient, const std::string& reason) {
  recipient.last_failure = make_error(Errc::administrative, reason);
  recipient.failing_since = {};
  recipient.last_host.clear();
  recipient.last_reply.clear();
  return failed(std::move(recipient));
}

OwedWord delayed(queue::Recipient recipient) {
  return {.kind = NoticeKind::delayed, .recipient = std::move(recipient)};
}

OwedWord handed_over(NoticeKind kind, queue::Recipient recipient,
                     const RecipientResult& delivered) {
  recipient.last_failure.reset();
  recipient.last_host = delivered.host;
  recipient.last_reply = delivered.reply;
  recipient.exposure = std::max(recipient.exposure, delivered.exposure);
  return {.kind = kind, .recipient = std::move(recipient)};
}

bool stands_alone(const OwedNotice& owed) {
  const queue::Message& message = owed.message;
  return !message.envelope_id.empty() || message.requiretls || message.tls_optional ||
         std::ranges::any_of(owed.words,
                             [](const OwedWord& word) { return word.recipient.notify.stated; });
}

void add_facts(const OwedNotice& owed, notice::NoticeFacts& facts) {
  const auto& history = owed.delivery.history;
  const std::string relay = history.empty() ? "" : relay_of(history.back().decision);
  for (const OwedWord& word : owed.words) {
    notice::NoticeRecipient& recipient = facts.recipients.emplace_back(facts_of(word));
    recipient.relay = relay;
    if (!history.empty()) recipient.last_attempt = history.back().at;
    if (word.kind == NoticeKind::delayed) {
      recipient.next_attempts = owed.next_attempts;
      recipient.give_up_at = owed.give_up_at;
    }
  }
  if (!history.empty()) {
    facts.technical.push_back({.destination = to_string(owed.delivery.destination),
                               .lines = technical_lines(history.back().decision)});
  }
  if (facts.original_content.empty()) facts.original_content = owed.content;
}

void add_entries(const OwedNotice& owed, notice::SummaryFacts& facts) {
  notice::NoticeFacts all;
  add_facts(owed, all);
  const std::string subject = notice::find_field(owed.message.header, "Subject").value_or("");
  for (notice::NoticeRecipient& recipient : all.recipients) {
    facts.entries.push_back({.message = owed.message.id,
                             .arrived = owed.message.arrived,
                             .subject = subject,
                             .recipient = std::move(recipient)});
  }
}

OwedNotice abridged(OwedNotice owed) {
  std::string header;
  for (const char* name : {"Subject", "Accept-Language", "Content-Language"}) {
    const auto body = notice::find_field(owed.message.header, name);
    if (body) header += notice::header_field(name, body->substr(0, kMaxFieldKept));
  }
  owed.message.header = std::move(header);
  owed.content.clear();
  for (queue::Attempt& attempt : owed.delivery.history)
    attempt.decision = record_of_relay(relay_of(attempt.decision));
  owed.held = true;
  return owed;
}

}  // namespace fulmar::delivery
