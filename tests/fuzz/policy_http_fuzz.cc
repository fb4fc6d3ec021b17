// The HTTP answer of a policy host, read from a connection as the fetch reads it: at once, and
// octet by octet. What is taken for a policy's body must be within the limit, and the same however
// the octets arrived. Whether a malformed trailer is an error depends on that in Beast, which does
// no harm: the host has proven by then who it is.
#include <boost/asio/io_context.hpp>
#include <boost/beast/_experimental/test/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "tls/mta_sts_policy.h"
#include "tls/policy_http.h"

using namespace fulmar::tls;

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

/// Octets of one read at most.
std::optional<std::string> body_of(std::string_view answer, std::size_t octets) {
  boost::asio::io_context context;
  beast::test::stream stream(context, answer);
  stream.read_size(octets);
  stream.close_remote();
  beast::flat_buffer buffer(kPolicyReadBuffer);
  PolicyParser parser;
  beast::error_code error;
  http::read_header(stream, buffer, parser, error);
  if (error || !check_policy_response(parser.head())) return std::nullopt;
  http::read(stream, buffer, parser, error);
  if (error) return std::nullopt;
  FULMAR_CHECK(parser.get().body().size() <= kMaxPolicyBody);
  return std::move(parser.get().body());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  const auto body = body_of(answer, size + 1);
  constexpr std::size_t kSlowlyRead = 4096;  // octet by octet, long inputs would take too long
  if (body && size <= kSlowlyRead) {
    const auto slowly_read = body_of(answer, 1);
    FULMAR_CHECK(!slowly_read || *slowly_read == *body);
  }
  if (body) static_cast<void>(parse_sts_policy(*body));
  return 0;
}
