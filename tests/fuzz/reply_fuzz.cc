// Replies of a hostile server: bounded, and the same however they are cut into segments.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "mta/smtp/capabilities.h"
#include "mta/smtp/reply.h"

namespace {

using fulmar::smtp::Reply;
using fulmar::smtp::ReplyParser;

struct Parsed {
  std::vector<std::string> replies;
  bool failed = false;

  friend bool operator==(const Parsed&, const Parsed&) = default;
};

void check_reply(const Reply& reply) {
  FULMAR_CHECK(reply.code >= 200 && reply.code <= 599);
  FULMAR_CHECK(!reply.lines.empty() && reply.lines.size() <= ReplyParser::kMaxLines);
  FULMAR_CHECK(!reply.enhanced || reply.enhanced->klass == reply.code / 100);
  FULMAR_CHECK(reply.verbatim().size() < 20000);
  for (const char c : reply.one_line()) {
    FULMAR_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
  (void)fulmar::smtp::parse_capabilities(reply);
}

Parsed parse(std::string_view bytes, std::size_t segment) {
  ReplyParser parser;
  Parsed result;
  for (std::size_t i = 0; i < bytes.size(); i += segment) {
    parser.feed(bytes.substr(i, segment));
    for (;;) {
      const auto reply = parser.next();
      result.failed = !reply;
      if (result.failed) return result;
      if (!*reply) break;
      check_reply(**reply);
      result.replies.push_back((*reply)->verbatim());
    }
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, size + 1);
  FULMAR_CHECK(parse(bytes, 1) == whole);
  FULMAR_CHECK(parse(bytes, size % 7 + 2) == whole);
  return 0;
}
