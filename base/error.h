// What can go wrong, as data.
//
// Every expected failure is an Error value. Where a failure is found, its class (Errc) is chosen;
// class alone decides what happens next (Retry) and which RFC 3463 status the sender gets. Nothing
// is ever re-derived from text. The table from class to both is in error.cc and mirrors
// docs/codes.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fulmar {

/// What the caller may do after a failure.
enum class Retry : std::uint8_t {
  next_host,  ///< This host or address cannot be used now; another one of the same destination may.
  later,      ///< The destination cannot be reached now; try again on the retry schedule.
  never,      ///< Trying the same thing again cannot help.
};

/// An enhanced mail system status code, RFC 3463 §2. `klass` is 2, 4 or 5.
struct EnhancedStatus {
  std::uint8_t klass = 4;
  std::uint16_t subject = 0;  ///< 0..999
  std::uint16_t detail = 0;   ///< 0..999

  friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
};

/// "4.7.5".
[[nodiscard]] std::string to_string(const EnhancedStatus& status);

/// The strict form of RFC 3463 §2 (digits, no leading zeros, class 2, 4 or 5); nothing else.
[[nodiscard]] std::optional<EnhancedStatus> parse_enhanced_status(std::string_view text);

/// The same fact once waiting has ended: class 4 becomes 5, subject and detail stay (pitfall 104).
[[nodiscard]] EnhancedStatus as_permanent(EnhancedStatus status);

/// Classes of failure. Names in to_string() are stable: they appear in logs, JSON and `queue
/// --reason`.
enum class Errc : std::uint8_t {
  // our own input and machinery
  invalid_argument,  ///< A value is outside what the callee accepts; a caller's or an operator's
                     ///< mistake.
  syntax,            ///< Bytes do not parse.
  limit,             ///< A bound was reached: size, count, length.
  not_found,         ///< What was asked for does not exist.
  cancelled,         ///< The program is stopping; nobody did anything wrong.
  timeout,           ///< A deadline passed outside a connection to a mail host.
  io,                ///< A file or socket of our own failed.
  corrupt,           ///< Stored bytes do not decode.
  newer_version,     ///< Stored bytes were written by a later version.
  store_failed,      ///< The spool refused a write.
  store_full,        ///< The spool has no room.
  internal,          ///< A library threw where it should not; treated as temporary, always logged.

  // DNS (an absent record is an answer, not an error)
  dns_bogus,      ///< DNSSEC validation failed.
  dns_servfail,   ///< SERVFAIL, REFUSED, NOTIMP, FORMERR.
  dns_timeout,    ///< No answer in time.
  dns_malformed,  ///< An answer that cannot be decoded.

  // routing
  domain_not_found,  ///< NXDOMAIN for the recipient's domain.
  null_mx,           ///< RFC 7505.
  no_addresses,      ///< MX hosts exist, none has an address.
  mail_loop,         ///< We are our own best MX, or too many Received fields.
  address_refused,   ///< The address guard: loopback, private, link-local, multicast
                     ///< (base/ip_address.h).

  // connection to a mail host
  connect_failed,   ///< TCP connect failed or timed out.
  connection_lost,  ///< EOF, reset or timeout within the dialogue.

  // transport security that is owed and cannot be had
  dane_lookup,       ///< TLSA (or the address before it) could not be looked up securely.
  dane_mismatch,     ///< No TLSA record matches, or DANE-TA name or chain fails.
  dane_no_tls,       ///< TLSA records exist and STARTTLS is not offered or the handshake fails.
  sts_mx_mismatch,   ///< The MX host is not in the MTA-STS policy.
  sts_certificate,   ///< MTA-STS enforce and the certificate does not verify.
  sts_no_tls,        ///< MTA-STS enforce and STARTTLS is not offered or the handshake fails.
  dane_required,     ///< An operator's rule demands DANE, and the host has no usable TLSA records.
  sts_unknown,       ///< Whether the domain has an MTA-STS policy cannot be found out now, and it
                     ///< matters.
  sts_required,      ///< An operator's rule demands MTA-STS, and the domain has no policy.
  rule_certificate,  ///< An operator's rule names certificates, and the host has another one.
  rule_no_tls,       ///< An operator's rule demands TLS, and it cannot be had.
  requiretls_unsupported,  ///< The sender demands REQUIRETLS, which the host does not offer.
  requiretls_unmet,  ///< The sender demands REQUIRETLS; the host's name or certificate is unproven,
                     ///< or there is no TLS.
  tls_handshake,  ///< Opportunistic handshake failed and `tls.opportunistic_fallback` is "defer".

  // the remote server's word
  remote_temporary,  ///< 4yz.
  remote_permanent,  ///< 5yz.
  remote_protocol,   ///< Not SMTP, or out of order.
  relay_unusable,    ///< The configured relay has no address, does not exist, or is ourselves.
  relay_auth,        ///< The configured relay takes no AUTH, or not this user and password.

  // the message does not fit the host
  message_too_big,
  eight_bit_unsupported,
  smtputf8_unsupported,

  expired,         ///< Waited as long as allowed; the status shown is that of the last cause.
  administrative,  ///< An operator bounced it.
};

[[nodiscard]] std::string_view to_string(Errc code);
[[nodiscard]] std::optional<Errc> parse_errc(std::string_view name);

/// True for the classes that mean "protection is owed and cannot be had": they are announced early
/// and never answered by sending anyway.
[[nodiscard]] bool is_security_failure(Errc code);

/// One failure. `detail` is one line for operators: what was tried, on what, and what came back. It
/// may hold a peer's words, so it is quoted again wherever it is written (log, JSON, MIME).
struct [[nodiscard]] Error {
  Errc code = Errc::internal;
  Retry retry = Retry::later;
  EnhancedStatus status;
  std::string detail;

  friend bool operator==(const Error&, const Error&) = default;
};

/// An Error with the retry class and status that the table gives for `code`.
[[nodiscard]] Error make_error(Errc code, std::string detail);

/// "dane-mismatch (4.7.5): no TLSA record matches".
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace fulmar
