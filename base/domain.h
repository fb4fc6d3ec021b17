// Names, canonicalised once at the edge (pitfall 6): a Domain is lower case, in A-labels, without a
// trailing dot, so that matching, SNI, URLs, cache keys and reports all compare the same bytes.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip_address.h"
#include "base/result.h"

namespace fulmar {

/// A domain name. Value type; the empty Domain is the DNS root.
class Domain {
 public:
  Domain() = default;

  /// Accepts U-labels and A-labels, any case, an optional trailing dot. Underscores pass (they
  /// occur in MX targets, pitfall 50). Errc::syntax when a label is empty or over 63 octets, the
  /// name is over 253 octets, or a character has no place in a name.
  static Result<Domain> parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return name_; }
  [[nodiscard]] bool is_root() const { return name_.empty(); }

  /// "_mta-sts" + "example.com". REQUIRES: `label` is one or more valid, lower-case labels.
  [[nodiscard]] Domain with_prefix(std::string_view label) const;

  /// Without the left-most label; the root for a single label.
  [[nodiscard]] Domain parent() const;

  /// True for `ancestor` itself and every name below it.
  [[nodiscard]] bool is_within(const Domain& ancestor) const;

  friend auto operator<=>(const Domain&, const Domain&) = default;

 private:
  explicit Domain(std::string canonical) : name_(std::move(canonical)) {}
  std::string name_;
};

/// What stands right of the @: a name, or an address literal (RFC 5321 §4.1.3).
using MailHost = std::variant<Domain, IpAddress>;

/// "example.com", "[192.0.2.1]" or "[IPv6:2001:db8::1]".
[[nodiscard]] std::string to_string(const MailHost& host);

/// An envelope address. The local part keeps its case and bytes (RFC 5321 §2.4), quoting included;
/// it may hold UTF-8 (RFC 6531). Never the null reverse-path: that is an empty optional.
struct Mailbox {
  std::string local_part;
  MailHost host;
  std::string text;  ///< As received, for RCPT TO, logs and notices. Free of CR, LF, NUL and angle
                     ///< brackets.

  /// Parses addr-spec without angle brackets; bounds of RFC 5321 §4.5.3.1 apply. Errc::syntax
  /// otherwise.
  static Result<Mailbox> parse(std::string_view text);

  /// The form in which the domain is an A-label, whatever was received.
  [[nodiscard]] std::string ascii_domain_form() const;

  friend bool operator==(const Mailbox&, const Mailbox&) = default;
};

}  // namespace fulmar

template <>
struct std::hash<fulmar::Domain> {
  std::size_t operator()(const fulmar::Domain& domain) const noexcept {
    return std::hash<std::string>{}(domain.str());
  }
};
