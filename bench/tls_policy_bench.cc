// What one decision about the security owed to a host costs; the goal is below a microsecond.
#include <benchmark/benchmark.h>

#include <string>

#include "base/check.h"
#include "tls/tls_policy.h"

namespace fulmar::tls {
namespace {

constexpr int kPatterns = 10;
constexpr std::size_t kSha256Octets = 32;

Domain name(std::string_view text) {
  return Domain::parse(text).value();
}

TlsPolicyInputs plain_inputs() {
  return {.policy_domain = name("example.com"),
          .policy_domain_expanded = name("example.com"),
          .host = name("mx9.mail.example.com")};
}

TlsPolicyInputs dane_inputs(resolver::Security mx_security) {
  const resolver::TlsaRecord record{
      .usage = 3, .selector = 1, .matching_type = 1, .data = std::string(kSha256Octets, 'd')};
  TlsPolicyInputs inputs = plain_inputs();
  inputs.mx_security = mx_security;
  inputs.tlsa = {.status = resolver::TlsaStatus::usable,
                 .base = inputs.host,
                 .published = {record},
                 .usable = {record}};
  return inputs;
}

/// The host is the last of the patterns.
TlsPolicyInputs sts_inputs() {
  TlsPolicyInputs inputs = plain_inputs();
  inputs.sts = StsPolicy{.mode = StsMode::enforce, .max_age = std::chrono::hours(24), .mx = {}};
  for (int i = 0; i < kPatterns; ++i) {
    inputs.sts->mx.push_back(
        {.name = name("mx" + std::to_string(i) + ".mail.example.com"), .wildcard = false});
  }
  return inputs;
}

void decide(benchmark::State& state, const TlsPolicyInputs& inputs, std::string_view rule) {
  FULMAR_CHECK(decide_tls_policy(inputs).rule == rule);
  for (auto _ : state)
    benchmark::DoNotOptimize(decide_tls_policy(inputs));
}

BENCHMARK_CAPTURE(decide, dane, dane_inputs(resolver::Security::secure), "dane");
BENCHMARK_CAPTURE(decide, dane_host_only, dane_inputs(resolver::Security::insecure),
                  "dane-host-only");
BENCHMARK_CAPTURE(decide, sts_enforce, sts_inputs(), "sts-enforce");
BENCHMARK_CAPTURE(decide, opportunistic, plain_inputs(), "opportunistic");

}  // namespace
}  // namespace fulmar::tls
