// The HTTP answer of a policy host: which parser reads it, within which limits. The fetch and its
// fuzzer share this.
#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>

#include "tls/policy_response.h"

namespace fulmar::tls {

inline constexpr std::uint32_t kMaxPolicyHeader = 8 * 1024;
/// Of what is read and not yet parsed.
inline constexpr std::size_t kPolicyReadBuffer = 16 * 1024;

/// Holds the header to kMaxPolicyHeader and the body to kMaxPolicyBody, chunked or not. Going over
/// ends the reading with http::error::header_limit, body_limit or buffer_overflow.
class PolicyParser : public boost::beast::http::response_parser<boost::beast::http::string_body> {
 public:
  PolicyParser();

  /// REQUIRES: is_header_done().
  [[nodiscard]] PolicyResponseHead head() const;
};

}  // namespace fulmar::tls
