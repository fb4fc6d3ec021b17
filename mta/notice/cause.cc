#include "mta/notice/cause.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace fulmar::notice {
namespace {

/// A row is for one class; with `subject` (and `detail`) only for statuses that agree. The first
/// row that fits counts.
struct Row {
  Errc code;
  std::optional<std::uint16_t> subject;
  std::optional<std::uint16_t> detail;
  Cause cause;
};

// In the order of Errc. A name is that of its class, unless the status tells more.
constexpr auto kRows = std::to_array<Row>({
    {Errc::dns_bogus, {}, {}, {"dns-bogus", Sent::nobody_vouches}},
    {Errc::dns_servfail, {}, {}, {"dns-servfail", Sent::nothing_left}},
    {Errc::dns_timeout, {}, {}, {"dns-timeout", Sent::nothing_left}},
    {Errc::dns_malformed, {}, {}, {"dns-malformed", Sent::nothing_left}},
    {Errc::domain_not_found, {}, {}, {"domain-not-found", Sent::no_place}},
    {Errc::null_mx, {}, {}, {"null-mx", Sent::no_place}},
    {Errc::no_addresses, {}, {}, {"no-addresses", Sent::nothing_left}},
    {Errc::mail_loop, {}, {}, {"mail-loop", Sent::stopped_here}},
    {Errc::address_refused, {}, {}, {"address-refused", Sent::nothing_left}},
    {Errc::connect_failed, {}, {}, {"connect-failed", Sent::nothing_left}},
    {Errc::connection_lost, {}, {}, {"connection-lost", Sent::no_word}},
    {Errc::dane_lookup, {}, {}, {"dane-lookup", Sent::nothing_unknown}},
    {Errc::dane_mismatch, {}, {}, {"dane-mismatch", Sent::nothing_unprotected}},
    {Errc::dane_no_tls, {}, {}, {"dane-no-tls", Sent::nothing_unprotected}},
    {Errc::sts_mx_mismatch, {}, {}, {"sts-mx-mismatch", Sent::nothing_unprotected}},
    {Errc::sts_certificate, {}, {}, {"sts-certificate", Sent::nothing_unprotected}},
    {Errc::sts_no_tls, {}, {}, {"sts-no-tls", Sent::nothing_unprotected}},
    {Errc::dane_required, {}, {}, {"dane-required", Sent::nothing_against_rule}},
    {Errc::sts_unknown, {}, {}, {"sts-unknown", Sent::nothing_unknown}},
    {Errc::sts_required, {}, {}, {"sts-required", Sent::nothing_against_rule}},
    {Errc::rule_certificate, {}, {}, {"rule-certificate", Sent::nothing_against_rule}},
    {Errc::rule_no_tls, {}, {}, {"rule-no-tls", Sent::nothing_against_rule}},
    {Errc::requiretls_unsupported, {}, {}, {"requiretls-unsupported", Sent::nothing_against_wish}},
    {Errc::requiretls_unmet, {}, {}, {"requiretls-unmet", Sent::nothing_against_wish}},
    {Errc::tls_handshake, {}, {}, {"tls-handshake", Sent::nothing_unencrypted}},
    {Errc::remote_temporary, 2, 2, {"mailbox-full", Sent::not_taken}},
    {Errc::remote_temporary, {}, {}, {"remote-temporary", Sent::not_taken}},
    {Errc::remote_permanent, 1, 1, {"no-such-address", Sent::not_taken}},
    {Errc::remote_permanent, 2, 1, {"mailbox-disabled", Sent::not_taken}},
    {Errc::remote_permanent, 2, 2, {"mailbox-full", Sent::not_taken}},
    {Errc::remote_permanent, 2, 3, {"too-large-for-mailbox", Sent::not_taken}},
    {Errc::remote_permanent, 3, 4, {"too-large-for-server", Sent::not_taken}},
    {Errc::remote_permanent, 7, {}, {"refused-by-rule", Sent::not_taken}},
    {Errc::remote_permanent, {}, {}, {"remote-permanent", Sent::not_taken}},
    {Errc::remote_protocol, {}, {}, {"remote-protocol", Sent::no_word}},
    {Errc::relay_unusable, {}, {}, {"relay-unusable", Sent::nothing_left}},
    {Errc::relay_auth, {}, {}, {"relay-auth", Sent::nothing_left}},
    {Errc::message_too_big, {}, {}, {"message-too-big", Sent::nothing_left}},
    {Errc::eight_bit_unsupported, {}, {}, {"eight-bit-unsupported", Sent::nothing_left}},
    {Errc::smtputf8_unsupported, {}, {}, {"smtputf8-unsupported", Sent::nothing_left}},
    {Errc::expired, {}, {}, {"expired", Sent::no_word}},
    {Errc::administrative, 3, 2, {"suspended", Sent::no_word}},
    {Errc::administrative, {}, {}, {"operator", Sent::no_word}},
});

constexpr Cause kOwnTrouble = {"internal", Sent::no_word};

// In the order of Sent.
constexpr std::array<std::string_view, kSentClaims> kClaims = {
    "nothing-left",
    "not-taken",
    "stopped-here",
    "no-word",
    "no-place",
    "nobody-vouches",
    "nothing-unencrypted",
    "nothing-unprotected",
    "nothing-unknown",
    "nothing-against-rule",
    "nothing-against-wish",
    "envelope-shown",
    "envelope-shown-at-least",
    "content-shown",
    "begun",
    "may-have-arrived",
    "passed-on",
    "passed-on-envelope-shown",
    "passed-on-content-shown",
};
static_assert(std::to_underlying(Sent::passed_on_content_shown) + 1U == kSentClaims);

bool fits(const Row& row, const Error& failure) {
  return row.code == failure.code && (!row.subject || *row.subject == failure.status.subject) &&
         (!row.detail || *row.detail == failure.status.detail);
}

bool is_about_every_attempt(Sent claim) {
  return claim >= Sent::no_place && claim <= Sent::nothing_against_wish;
}

Sent shown_claim(queue::Exposure exposure, queue::Given most) {
  if (exposure == queue::Exposure::content) return Sent::content_shown;
  return most >= queue::Given::unknown ? Sent::envelope_shown_at_least : Sent::envelope_shown;
}

/// What stays true of `claim` when the message came as far as `given`. REQUIRES: not in doubt.
Sent certain_part_of(Sent claim, const queue::GivenSoFar& given) {
  const queue::Given most = given.most();
  const bool of_latest = claim == Sent::nothing_left;
  // Of an attempt that nobody saw the end of, nothing at all is certain.
  if (most == queue::Given::unknown && !of_latest) return Sent::no_word;
  const bool of_all = claim == Sent::no_place || claim == Sent::nobody_vouches;
  if (!of_latest && !(of_all && most == queue::Given::content)) return claim;
  switch (given.latest) {
    case queue::Given::nothing:
      return Sent::nothing_left;
    case queue::Given::content:
      return Sent::begun;
    case queue::Given::unknown:
    case queue::Given::in_doubt:
      return Sent::no_word;
  }
  std::unreachable();
}

std::vector<std::string_view> list_names() {
  std::vector<std::string_view> names = {kOwnTrouble.name};
  for (const Row& row : kRows) {
    if (std::ranges::find(names, row.cause.name) == names.end()) names.push_back(row.cause.name);
  }
  return names;
}

}  // namespace

std::string_view to_string(Sent claim) {
  return kClaims.at(std::to_underlying(claim));
}

const Cause& cause_of(const Error& failure) {
  const auto* found =
      std::ranges::find_if(kRows, [&](const Row& row) { return fits(row, failure); });
  return found == kRows.end() ? kOwnTrouble : found->cause;
}

std::vector<Sent> sent_of(const Cause& cause, queue::Exposure exposure,
                          const queue::GivenSoFar& given) {
  const queue::Given most = given.most();
  const bool exposed = is_about_every_attempt(cause.sent) && exposure != queue::Exposure::nothing;
  std::vector<Sent> claims;
  if (exposed) claims.push_back(shown_claim(exposure, most));
  if (most == queue::Given::in_doubt) claims.push_back(Sent::may_have_arrived);
  if (claims.empty()) claims.push_back(certain_part_of(cause.sent, given));
  return claims;
}

Sent sent_when_passed_on(queue::Exposure exposure) {
  switch (exposure) {
    case queue::Exposure::nothing:
      return Sent::passed_on;
    case queue::Exposure::envelope:
      return Sent::passed_on_envelope_shown;
    case queue::Exposure::content:
      return Sent::passed_on_content_shown;
  }
  std::unreachable();
}

std::span<const std::string_view> cause_names() {
  static const std::vector<std::string_view> kNames = list_names();
  return kNames;
}

}  // namespace fulmar::notice
