// The policy file: whatever a policy host serves. What parses must keep the promises of the header.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tls/mta_sts_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fulmar::tls;
  const auto policy = parse_sts_policy(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!policy) return 0;
  FULMAR_CHECK(policy->max_age >= std::chrono::seconds(0) && policy->max_age <= kMaxPolicyAge);
  FULMAR_CHECK(policy->mode == StsMode::none || !policy->mx.empty());
  for (const MxPattern& pattern : policy->mx) {
    FULMAR_CHECK(!pattern.name.is_root());
    FULMAR_CHECK(matches(*policy, pattern.wildcard ? pattern.name.with_prefix("a") : pattern.name));
  }
  return 0;
}
