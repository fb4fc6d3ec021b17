// What a load balancer, or anybody who plays one, sends first: the parser takes no octet that is
// not there, says the same however the octets come, and its bounds hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "mta/net/proxy_header.h"

namespace {

using namespace fulmar::net;
using fulmar::Errc;
using fulmar::Result;

constexpr std::size_t kMaxHeader = ProxyHeader::kFixedPart + ProxyHeader::kMaxBlock;

bool is_decided(const Result<ProxyHeaderProgress>& progress) {
  return !progress || std::holds_alternative<ProxyHeader>(*progress);
}

void check_cut(std::size_t received, const ProxyHeaderCut& cut) {
  FULMAR_CHECK(cut.at_least > 0 && received + cut.at_least <= kMaxHeader);
}

void check_decision(std::size_t received, const Result<ProxyHeaderProgress>& progress) {
  if (!progress) {
    FULMAR_CHECK(progress.error().code == Errc::syntax || progress.error().code == Errc::limit);
    return;
  }
  const auto& header = std::get<ProxyHeader>(*progress);
  FULMAR_CHECK(header.consumed >= ProxyHeader::kFixedPart && header.consumed <= kMaxHeader);
  // It is decided at its last octet, not later.
  FULMAR_CHECK(header.consumed == received);
  if (header.source) FULMAR_CHECK(header.source->address == header.source->address.unmapped());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::size_t surely_missing = 0;  // before this, nothing may be a whole header
  for (std::size_t received = 0; received <= size; ++received) {
    const auto progress = parse_proxy_header(input.substr(0, received));
    if (is_decided(progress)) {
      if (progress) FULMAR_CHECK(received >= surely_missing);
      check_decision(received, progress);
      FULMAR_CHECK(parse_proxy_header(input.substr(0, std::min(received + 1, size))) == progress);
      FULMAR_CHECK(parse_proxy_header(input) == progress);
      return 0;
    }
    const auto& cut = std::get<ProxyHeaderCut>(*progress);
    check_cut(received, cut);
    surely_missing = received + cut.at_least;
  }
  return 0;
}
