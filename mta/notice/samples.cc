#include "mta/notice/samples.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "base/check.h"

namespace fulmar::notice {
namespace {

using namespace std::chrono_literals;

constexpr UtcTime kArrived{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} + 8h + 15min};
constexpr UtcTime kAttempted = kArrived + 24h - 1min;
constexpr std::array<std::uint8_t, MessageId::kBytes> kOriginalId = {1, 2, 3, 4,  5,  6,
                                                                     7, 8, 9, 10, 11, 12};
constexpr std::array<std::uint8_t, MessageId::kBytes> kNoticeId = {1, 2, 3, 4,  5,  7,
                                                                   7, 8, 9, 10, 11, 12};
constexpr const char* kPostmaster = "postmaster@example.com";
constexpr const char* kSubject = "Quarterly figures";
constexpr std::string_view kHost = "mx1.b.example[192.0.2.7]:25";

struct Row {
  Errc code;
  std::string_view name;                 ///< Empty: that of the class.
  std::optional<EnhancedStatus> status;  ///< Empty: that of the class.
  std::string_view words;  ///< The other server's where the class is a reply, else our detail.
};

constexpr auto kRows = std::to_array<Row>({
    {Errc::store_failed, "", {}, "the spool refused a write"},
    {Errc::store_full, "", {}, "the spool has no room"},
    {Errc::internal, "", {}, "the attempt ended unexpectedly"},
    {Errc::dns_bogus, "", {}, "b.example MX: signature expired on 2026-01-02"},
    {Errc::dns_servfail, "", {}, "b.example MX: SERVFAIL"},
    {Errc::dns_timeout, "", {}, "b.example MX: no answer in time"},
    {Errc::dns_malformed, "", {}, "b.example MX: an answer that cannot be decoded"},
    {Errc::domain_not_found, "", {}, "b.example does not exist"},
    {Errc::null_mx, "", {}, "b.example has a null MX record"},
    {Errc::no_addresses, "", {}, "no MX host of b.example has an address"},
    {Errc::mail_loop, "", {}, "relay.example.com is the best MX host of b.example"},
    {Errc::address_refused, "", {}, "mx1.b.example has the address 127.0.0.1"},
    {Errc::connect_failed, "", {}, "mx1.b.example[192.0.2.7]:25: connection refused"},
    {Errc::connection_lost, "", {}, "mx1.b.example[192.0.2.7]:25: closed after DATA"},
    {Errc::dane_lookup, "", {}, "_25._tcp.mx1.b.example TLSA: SERVFAIL"},
    {Errc::dane_mismatch, "", {}, "no TLSA record matches the certificate of mx1.b.example"},
    {Errc::dane_no_tls, "", {}, "mx1.b.example has TLSA records and does not offer STARTTLS"},
    {Errc::sts_mx_mismatch, "", {}, "mx1.b.example is not in the policy of b.example"},
    {Errc::sts_certificate, "", {}, "certificate of mx1.b.example expired on 2026-01-02"},
    {Errc::sts_no_tls, "", {}, "mx1.b.example does not offer STARTTLS"},
    {Errc::dane_required, "", {}, "mx1.b.example has no usable TLSA records"},
    {Errc::sts_unknown, "", {}, "_mta-sts.b.example TXT: SERVFAIL"},
    {Errc::sts_required, "", {}, "b.example has no MTA-STS policy"},
    {Errc::rule_certificate, "", {}, "certificate of mx1.b.example is for www.b.example only"},
    {Errc::rule_no_tls, "", {}, "mx1.b.example does not offer STARTTLS"},
    {Errc::requiretls_unsupported, "", {}, "mx1.b.example does not offer REQUIRETLS"},
    {Errc::requiretls_unmet, "", {}, "the certificate of mx1.b.example is not proven"},
    {Errc::tls_handshake, "", {}, "mx1.b.example: no protocol version in common"},
    {Errc::remote_temporary, "", EnhancedStatus{4, 2, 0}, "450 4.2.0 greylisted, come back later"},
    {Errc::remote_temporary, "mailbox-full", EnhancedStatus{4, 2, 2}, "452 4.2.2 over quota"},
    {Errc::remote_permanent, "", {}, "554 transaction failed"},
    {Errc::remote_permanent, "no-such-address", EnhancedStatus{5, 1, 1},
     "550-5.1.1 <bob@b.example>: recipient rejected\n550-5.1.1 there is nobody\n550 5.1.1 of that "
     "name"},
    {Errc::remote_permanent, "mailbox-disabled", EnhancedStatus{5, 2, 1},
     "550 5.2.1 account is disabled"},
    {Errc::remote_permanent, "too-large-for-mailbox", EnhancedStatus{5, 2, 3},
     "552 5.2.3 message exceeds the limit of this mailbox"},
    {Errc::remote_permanent, "too-large-for-server", EnhancedStatus{5, 3, 4},
     "552 5.3.4 message size exceeds fixed limit"},
    {Errc::remote_permanent, "refused-by-rule", EnhancedStatus{5, 7, 1},
     "550 5.7.1 refused by local policy"},
    {Errc::remote_protocol, "", {}, "mx1.b.example: the reply to EHLO is not SMTP"},
    {Errc::relay_unusable, "", {}, "the relay has no address"},
    {Errc::relay_auth, "", {}, "535 5.7.8 authentication failed"},
    {Errc::message_too_big, "", {}, "30000000 octets, and mx1.b.example takes 10485760"},
    {Errc::eight_bit_unsupported, "", {}, "mx1.b.example does not offer 8BITMIME"},
    {Errc::smtputf8_unsupported, "", {}, "mx1.b.example does not offer SMTPUTF8"},
    {Errc::expired, "", {}, "no attempt was made in time"},
    {Errc::administrative, "suspended", EnhancedStatus{4, 3, 2},
     "suspended by the operator until 2026-11-25T08:15:00.000Z"},
    {Errc::administrative, "", {}, "the account of the sender was misused"},
});

bool is_reply(Errc code) {
  return code == Errc::remote_temporary || code == Errc::remote_permanent;
}

SampleClass to_class(const Row& row) {
  SampleClass sample{.name = row.name.empty() ? to_string(row.code) : row.name,
                     .failure = make_error(row.code, std::string(row.words)),
                     .reply = is_reply(row.code) ? std::string(row.words) : "",
                     .can_wait = false};
  if (row.status) sample.failure.status = *row.status;
  if (is_reply(row.code)) sample.failure.detail = "mx1.b.example did not take the message";
  // What an operator does with a message ends it, but for a suspension.
  sample.can_wait = sample.failure.retry != Retry::never || sample.name == "suspended";
  return sample;
}

std::vector<SampleClass> make_classes() {
  std::vector<SampleClass> classes;
  for (const Row& row : kRows)
    classes.push_back(to_class(row));
  return classes;
}

NoticeRecipient good_news(NoticeKind kind, NoticeRecipient recipient) {
  recipient.kind = kind;
  recipient.host = kHost;
  recipient.reply = "250 2.0.0 queued as 4711";
  return recipient;
}

NoticeRecipient failed(const SampleClass& what, NoticeRecipient recipient) {
  recipient.failure = what.failure;
  recipient.failing_since = kArrived + 1s;
  recipient.reply = what.reply;
  if (!what.reply.empty() || what.failure.code == Errc::remote_protocol) recipient.host = kHost;
  // What is only temporary fails for good when the time is over.
  recipient.expired = what.failure.status.klass == 4;
  recipient.failure.status = as_permanent(what.failure.status);
  return recipient;
}

NoticeRecipient delayed(const SampleClass& what, NoticeRecipient recipient) {
  recipient = failed(what, std::move(recipient));
  recipient.kind = NoticeKind::delayed;
  recipient.failure.status = what.failure.status;
  recipient.expired = false;
  recipient.next_attempts = {kArrived + 25h, kArrived + 29h, kArrived + 41h};
  recipient.give_up_at = kArrived + 120h;
  return recipient;
}

NoticeRecipient recipient_of(NoticeKind kind, const SampleClass& what) {
  NoticeRecipient recipient{.address = Mailbox::parse("bob@b.example").value_or(Mailbox()),
                            .last_attempt = kAttempted};
  if (what.name == "suspended") recipient.last_attempt.reset();
  const bool by_relay =
      what.failure.code == Errc::relay_unusable || what.failure.code == Errc::relay_auth;
  if (by_relay) recipient.relay = "smart.example";
  switch (kind) {
    case NoticeKind::failed:
      return failed(what, std::move(recipient));
    case NoticeKind::delayed:
      return delayed(what, std::move(recipient));
    case NoticeKind::cleared:
    case NoticeKind::relayed:
      return good_news(kind, std::move(recipient));
  }
  std::unreachable();
}

queue::Message sample_message() {
  queue::Message message;
  message.id = MessageId::from_bytes(kOriginalId);
  message.sender = Mailbox::parse("alice@a.example").value_or(Mailbox());
  message.arrived = kArrived;
  message.header = std::string("From: Alice <alice@a.example>\r\nTo: bob@b.example\r\nSubject: ") +
                   kSubject + "\r\nMessage-ID: <figures.1@a.example>\r\n";
  return message;
}

Domain sample_mta() {
  return Domain::parse("relay.example.com").value_or(Domain());
}

SummaryEntry entry(NoticeKind kind, std::string_view what, std::string_view address) {
  const SampleClass* sample = find_sample_class(what);
  FULMAR_CHECK(sample != nullptr);
  SummaryEntry entry{.message = MessageId::from_bytes(kOriginalId),
                     .arrived = kArrived,
                     .subject = kSubject,
                     .recipient = recipient_of(kind, *sample)};
  entry.recipient.address = Mailbox::parse(address).value_or(Mailbox());
  return entry;
}

}  // namespace

const std::vector<SampleClass>& sample_classes() {
  static const std::vector<SampleClass> kClasses = make_classes();
  return kClasses;
}

const SampleClass* find_sample_class(std::string_view name) {
  const auto& classes = sample_classes();
  const auto found = std::ranges::find(classes, name, &SampleClass::name);
  return found == classes.end() ? nullptr : &*found;
}

NoticeFacts sample_facts(NoticeKind kind, const SampleClass& what) {
  NoticeFacts facts;
  facts.id = MessageId::from_bytes(kNoticeId);
  facts.reporting_mta = sample_mta();
  facts.postmaster = kPostmaster;
  facts.original = sample_message();
  facts.recipients = {recipient_of(kind, what)};
  facts.technical = {{.destination = "b.example",
                      .lines = {"mx1.b.example[192.0.2.7]: what was checked, and what was found"}}};
  facts.now = kArrived + 24h;
  return facts;
}

SummaryFacts sample_summary() {
  queue::Message original = sample_message();
  return {.id = MessageId::from_bytes(kNoticeId),
          .reporting_mta = sample_mta(),
          .postmaster = kPostmaster,
          .sender = *std::move(original.sender),
          .now = kArrived + 24h,
          .entries = {entry(NoticeKind::relayed, "internal", "eve@e.example"),
                      entry(NoticeKind::failed, "no-such-address", "bob@b.example"),
                      entry(NoticeKind::failed, "domain-not-found", "carol@c.example"),
                      entry(NoticeKind::failed, "no-such-address", "bill@b.example"),
                      entry(NoticeKind::delayed, "sts-certificate", "dave@d.example"),
                      entry(NoticeKind::cleared, "internal", "frank@f.example")}};
}

DigestFacts sample_digest() {
  const UtcTime now = kArrived + 24h;
  const auto lasts = [&](TroubleKind kind, std::string_view subject, std::string_view detail) {
    Trouble trouble = make_trouble(kind, subject, detail, now);
    trouble.lasts = true;
    return trouble;
  };
  Trouble relay = make_trouble(TroubleKind::relay, "[smtp.provider.example]:587",
                               "the login is refused: 535 5.7.8 wrong password", now - 20min);
  relay.count = 12;
  return {
      .id = MessageId::from_bytes(kNoticeId),
      .reporting_mta = sample_mta(),
      .postmaster = Mailbox::parse(kPostmaster).value_or(Mailbox()),
      .now = now,
      .troubles = {
          .named = {lasts(TroubleKind::spool, "/var/lib/fulmar",
                          "90 MB are free, less than the reserve of 200 MB (limits.spool_reserve)"),
                    lasts(TroubleKind::memory, "memory",
                          "4400 MB are in use, more than the mark of 4294 MB"),
                    lasts(TroubleKind::resolver, "self-test",
                          "DNSSEC records do not come through: the upstream 192.0.2.53@53 strips "
                          "DNSSEC records"),
                    lasts(TroubleKind::certificate, "/etc/fulmar/relay.example.pem",
                          "expires at 2026-11-28T09:00:00.000Z"),
                    relay,
                    make_trouble(TroubleKind::rule, "partner.example",
                                 "rule-no-tls: STARTTLS is not offered", now - 50min),
                    make_trouble(TroubleKind::notice_dropped, "no-reply@shop.example",
                                 "id 041061050W3GG28A1C60: 550 5.1.1 no such user", now - 40min),
                    make_trouble(TroubleKind::protection_lost, "mx1.b.example:25",
                                 "it no longer publishes usable TLSA records (DANE)", now - 30min)},
          .left_out = 3}};
}

}  // namespace fulmar::notice
