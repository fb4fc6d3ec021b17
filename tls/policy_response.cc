#include "tls/policy_response.h"

#include <string_view>

#include "base/ascii.h"

namespace fulmar::tls {
namespace {

constexpr std::size_t kMaxShown = 60;

std::string quoted(std::string_view text) {
  return '"' + sanitize_line(text, kMaxShown) + '"';
}

}  // namespace

Result<> check_policy_response(const PolicyResponseHead& head) {
  if (head.status >= 300 && head.status < 400) {
    // RFC 8461 §3.3: redirects are never followed.
    return fail(Errc::io, "HTTP status " + std::to_string(head.status) + ", a redirect");
  }
  if (head.status != 200) return fail(Errc::io, "HTTP status " + std::to_string(head.status));
  // RFC 8461 §3.2: text/plain keeps hosts of user content out (pitfall 16); parameters mean
  // nothing.
  const std::string_view type =
      std::string_view(head.content_type).substr(0, head.content_type.find(';'));
  if (!equals_ignoring_case(trim(type), "text/plain")) {
    return fail(Errc::syntax, "media type " + quoted(type) + " is not text/plain");
  }
  const std::string_view encoding = trim(head.content_encoding);
  if (!encoding.empty() && !equals_ignoring_case(encoding, "identity")) {
    return fail(Errc::syntax, "content encoding " + quoted(encoding) + " was not asked for");
  }
  return {};
}

}  // namespace fulmar::tls
