#include "tests/mta/notice/sample_facts.h"

#include <sstream>

namespace fulmar::notice {
namespace {

using namespace std::chrono_literals;

constexpr UtcTime kArrived{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20} + 8h + 15min};
constexpr UtcTime kAttempted = kArrived + 24h - 1min;
constexpr std::array<std::uint8_t, MessageId::kBytes> kOriginalId = {1, 2, 3, 4,  5,  6,
                                                                     7, 8, 9, 10, 11, 12};
constexpr std::array<std::uint8_t, MessageId::kBytes> kNoticeId = {1, 2, 3, 4,  5,  7,
                                                                   7, 8, 9, 10, 11, 12};

bool is_remote_word(Errc code) {
  return code == Errc::remote_temporary || code == Errc::remote_permanent ||
         code == Errc::remote_protocol;
}

std::string detail_for(Errc code) {
  if (code == Errc::dane_mismatch) return "no TLSA record matches the certificate of mx1.b.example";
  if (code == Errc::sts_certificate) return "certificate of mx1.b.example expired on 2026-01-02";
  return "what was found about b.example (" + std::string(to_string(code)) + ")";
}

}  // namespace

Mailbox mailbox(const std::string& text) {
  return Mailbox::parse(text).value();
}
Domain domain(const std::string& text) {
  return Domain::parse(text).value();
}

NoticeRecipient recipient(NoticeKind kind, Errc code) {
  if (is_good_news(kind)) {
    return {.kind = kind,
            .address = mailbox("bob@b.example"),
            .host = "mx1.b.example[192.0.2.7]:25",
            .reply = "250 2.0.0 queued as 4711",
            .last_attempt = kAttempted};
  }
  NoticeRecipient result{.kind = kind,
                         .address = mailbox("bob@b.example"),
                         .failure = make_error(code, detail_for(code)),
                         .expired = false,
                         .host = {},
                         .reply = {},
                         .failing_since = kArrived + 1s,
                         .last_attempt = kAttempted};
  if (kind == NoticeKind::delayed) {
    result.next_attempts = {kArrived + 25h, kArrived + 29h, kArrived + 33h};
    result.give_up_at = kArrived + 120h;
  }
  if (code == Errc::remote_permanent) {
    result.failure.status = {5, 1, 1};
    result.reply =
        "550-5.1.1 <bob@b.example>: recipient rejected\n550-5.1.1 there is nobody\n550 5.1.1 of "
        "that name";
  } else if (code == Errc::remote_temporary) {
    result.failure.status = {4, 2, 0};
    result.reply = "450 4.2.0 greylisted, come back later";
  }
  if (is_remote_word(code)) result.host = "mx1.b.example[192.0.2.7]:25";
  if (kind == NoticeKind::failed && result.failure.status.klass == 4) {
    result.expired = true;
    result.failure.status = as_permanent(result.failure.status);
  }
  return result;
}

NoticeFacts sample_facts(NoticeKind kind, Errc code) {
  NoticeFacts facts;
  facts.id = MessageId::from_bytes(kNoticeId);
  facts.reporting_mta = domain("relay.example.com");
  facts.postmaster = "postmaster@example.com";
  facts.original.id = MessageId::from_bytes(kOriginalId);
  facts.original.sender = mailbox("alice@a.example");
  facts.original.arrived = kArrived;
  facts.original.header =
      "From: Alice <alice@a.example>\r\nTo: bob@b.example\r\nSubject: Quarterly figures\r\n"
      "Message-ID: <figures.1@a.example>\r\n";
  facts.recipients = {recipient(kind, code)};
  facts.technical = {{.destination = "b.example",
                      .lines = {"mx1.b.example[192.0.2.7]: what was checked, and what was found"}}};
  facts.now = kArrived + 24h;
  return facts;
}

const std::vector<Errc>& classes_that_reach_a_sender() {
  static const std::vector<Errc> kClasses = {Errc::internal,
                                             Errc::store_failed,
                                             Errc::store_full,
                                             Errc::dns_bogus,
                                             Errc::dns_servfail,
                                             Errc::dns_timeout,
                                             Errc::dns_malformed,
                                             Errc::domain_not_found,
                                             Errc::null_mx,
                                             Errc::no_addresses,
                                             Errc::mail_loop,
                                             Errc::address_refused,
                                             Errc::connect_failed,
                                             Errc::connection_lost,
                                             Errc::dane_lookup,
                                             Errc::dane_mismatch,
                                             Errc::dane_no_tls,
                                             Errc::sts_mx_mismatch,
                                             Errc::sts_certificate,
                                             Errc::sts_no_tls,
                                             Errc::dane_required,
                                             Errc::sts_unknown,
                                             Errc::sts_required,
                                             Errc::rule_certificate,
                                             Errc::rule_no_tls,
                                             Errc::requiretls_unsupported,
                                             Errc::requiretls_unmet,
                                             Errc::tls_handshake,
                                             Errc::remote_temporary,
                                             Errc::remote_permanent,
                                             Errc::remote_protocol,
                                             Errc::relay_unusable,
                                             Errc::relay_auth,
                                             Errc::message_too_big,
                                             Errc::eight_bit_unsupported,
                                             Errc::smtputf8_unsupported,
                                             Errc::expired,
                                             Errc::administrative};
  return kClasses;
}

std::string header_of_notice(const std::string& notice) {
  return notice.substr(0, notice.find("\r\n\r\n") + 2);
}

std::string part_of(const std::string& notice, const std::string& type) {
  const std::size_t start = notice.find("\r\nContent-Type: " + type);
  if (start == std::string::npos) return {};
  return notice.substr(start + 2, notice.find("\r\n--=_", start) - start - 2);
}

std::vector<std::string> first_lines(const std::string& notice, std::size_t count) {
  const std::string part = part_of(notice, "text/plain");
  std::istringstream content(part.substr(part.find("\r\n\r\n") + 4));
  std::vector<std::string> lines;
  for (std::string line; lines.size() < count && std::getline(content, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

}  // namespace fulmar::notice
