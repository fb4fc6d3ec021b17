#include "tls/mta_sts_policy.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/ascii.h"

namespace fulmar::tls {
namespace {

constexpr std::string_view kRecordVersion = "v=STSv1";
constexpr std::size_t kMaxId = 32;         // RFC 8461 §3.1 sts-id
constexpr std::size_t kMaxFieldName = 32;  // RFC 8461 §3.1 sts-ext-name
constexpr std::size_t kMaxAgeDigits = 10;  // RFC 8461 §3.2 sts-policy-max-age
// Bounds what one policy costs in memory; far above any real one.
constexpr std::size_t kMaxPatterns = 1000;

/// sts-ext-name and sts-policy-ext-name.
bool is_field_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxFieldName || !is_alnum(name.front())) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_alnum(c) || c == '_' || c == '-' || c == '.'; });
}

/// sts-ext-value: visible ASCII without "=" and ";".
bool is_record_value(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return is_printable(c) && c != ' ' && c != '=' && c != ';';
  });
}

bool is_id(std::string_view value) {
  return !value.empty() && value.size() <= kMaxId && std::ranges::all_of(value, is_alnum);
}

/// The one record that is left, by the grammar of RFC 8461 §3.1.
Result<StsRecord> parse_one_record(std::string_view text) {
  text.remove_prefix(kRecordVersion.size());
  std::optional<std::string> id;
  while (!text.empty()) {
    const std::string_view at_delimiter = trim(text);
    if (!at_delimiter.starts_with(';')) return fail(Errc::syntax, "malformed MTA-STS record");
    text = text.substr(text.find(';') + 1);
    // Blanks around the delimiter are allowed (pitfall 2), blanks at the end only after one.
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
      text.remove_prefix(1);
    if (text.empty() && id) break;
    const std::string_view field = text.substr(0, text.find_first_of("; \t"));
    text.remove_prefix(field.size());
    const auto equals = field.find('=');
    if (equals == std::string_view::npos || !is_field_name(field.substr(0, equals)) ||
        !is_record_value(field.substr(equals + 1))) {
      return fail(Errc::syntax, "malformed field in the MTA-STS record");
    }
    // RFC 8461 §3.1: unknown fields are ignored, of duplicates the first counts.
    if (field.substr(0, equals) != "id" || id) continue;
    if (!is_id(field.substr(equals + 1))) return fail(Errc::syntax, "malformed MTA-STS id");
    id = field.substr(equals + 1);
  }
  if (!id) return fail(Errc::syntax, "MTA-STS record without id");
  return StsRecord{std::move(*id)};
}

/// One line of the policy: "key: value", blanks at its end dropped.
struct PolicyField {
  std::string_view key;
  std::string_view value;
};

Result<PolicyField> parse_policy_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return fail(Errc::syntax, "line without colon");
  const PolicyField field{line.substr(0, colon), trim(line.substr(colon + 1))};
  if (!is_field_name(field.key)) return fail(Errc::syntax, "malformed key");
  if (field.value.empty()) return fail(Errc::syntax, "key without value");
  const bool clean =
      std::ranges::all_of(field.value, [](char c) { return is_printable(c) || is_utf8_octet(c); });
  if (!clean || !is_valid_utf8(field.value)) {
    return fail(Errc::syntax, "character not allowed in a value");
  }
  return field;
}

Result<StsMode> parse_mode(std::string_view value) {
  for (const StsMode mode : {StsMode::none, StsMode::testing, StsMode::enforce}) {
    if (value == to_string(mode)) return mode;
  }
  return fail(Errc::syntax, "unknown mode");
}

Result<std::chrono::seconds> parse_max_age(std::string_view value) {
  const bool digits = std::ranges::all_of(value, is_digit);
  if (!digits || value.size() > kMaxAgeDigits) return fail(Errc::syntax, "malformed max_age");
  std::int64_t seconds = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (ec != std::errc{} || end != value.data() + value.size()) {
    return fail(Errc::syntax, "malformed max_age");
  }
  return std::min(std::chrono::seconds(seconds), kMaxPolicyAge);
}

std::optional<MxPattern> parse_pattern(std::string_view value) {
  MxPattern pattern;
  pattern.wildcard = value.starts_with("*.");
  if (pattern.wildcard) value.remove_prefix(2);
  // RFC 8461 §3.2: A-labels only; an address can name no MX host (pitfall 14).
  if (!is_ascii(value) || IpAddress::parse(value)) return std::nullopt;
  auto name = Domain::parse(value);
  if (!name || name->is_root()) return std::nullopt;
  pattern.name = *std::move(name);
  return pattern;
}

/// What has been read so far; the first of duplicate keys counts, but for `mx`. RFC 8461 §3.2
struct PolicyReader {
  bool version = false;
  std::optional<StsMode> mode;
  std::optional<std::chrono::seconds> max_age;
  std::vector<MxPattern> mx;

  Result<> take(const PolicyField& field) {
    if (field.key == "version" && !version) {
      if (field.value != "STSv1") return fail(Errc::syntax, "version is not STSv1");
      version = true;
    } else if (field.key == "mode" && !mode) {
      FULMAR_TRY(mode, parse_mode(field.value));
    } else if (field.key == "max_age" && !max_age) {
      FULMAR_TRY(max_age, parse_max_age(field.value));
    } else if (field.key == "mx") {
      if (mx.size() == kMaxPatterns) return fail(Errc::syntax, "too many mx lines");
      if (auto pattern = parse_pattern(field.value)) mx.push_back(*std::move(pattern));
    }
    return {};
  }

  Result<StsPolicy> finish() && {
    if (!version) return fail(Errc::syntax, "no version");
    if (!mode) return fail(Errc::syntax, "no mode");
    if (!max_age) return fail(Errc::syntax, "no max_age");
    if (mx.empty() && *mode != StsMode::none) return fail(Errc::syntax, "no usable mx");
    return StsPolicy{*mode, *max_age, std::move(mx)};
  }
};

std::unexpected<Error> policy_error(const Error& error, std::size_t line_number) {
  return fail(Errc::syntax,
              "MTA-STS policy, line " + std::to_string(line_number) + ": " + error.detail);
}

}  // namespace

Result<StsRecord> parse_sts_record(const std::vector<resolver::TxtRecord>& records) {
  const resolver::TxtRecord* found = nullptr;
  for (const resolver::TxtRecord& record : records) {
    // The filter is literal: "v=STSv1 ;" is dropped although the grammar has it (STS-05).
    if (!record.text.starts_with("v=STSv1;")) continue;
    if (found != nullptr) return fail(Errc::syntax, "more than one MTA-STS record");
    found = &record;
  }
  if (found == nullptr) return fail(Errc::not_found, "no MTA-STS record");
  return parse_one_record(found->text);
}

std::string_view to_string(StsMode mode) {
  switch (mode) {
    case StsMode::none:
      return "none";
    case StsMode::testing:
      return "testing";
    case StsMode::enforce:
      return "enforce";
  }
  std::abort();  // every enumerator has its case
}

std::string to_string(const MxPattern& pattern) {
  return (pattern.wildcard ? "*." : "") + pattern.name.str();
}

Result<StsPolicy> parse_sts_policy(std::string_view body) {
  if (body.size() > kMaxPolicyBody) return fail(Errc::syntax, "MTA-STS policy over 64 KB");
  PolicyReader reader;
  std::size_t line_number = 0;
  while (!body.empty()) {
    ++line_number;
    const auto end = body.find('\n');
    std::string_view line = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    // Both line endings are legal (erratum 6253 to RFC 8461); a CR elsewhere is not.
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    const auto field = parse_policy_line(line);
    if (!field) return policy_error(field.error(), line_number);
    if (const auto taken = reader.take(*field); !taken) {
      return policy_error(taken.error(), line_number);
    }
  }
  auto policy = std::move(reader).finish();
  if (!policy) return fail(Errc::syntax, "MTA-STS policy: " + policy.error().detail);
  return policy;
}

bool matches(const StsPolicy& policy, const Domain& mx_host) {
  if (mx_host.is_root()) return false;
  return std::ranges::any_of(policy.mx, [&](const MxPattern& pattern) {
    // RFC 8461 §4.1: the wildcard stands for exactly one label.
    return pattern.name == (pattern.wildcard ? mx_host.parent() : mx_host);
  });
}

}  // namespace fulmar::tls
