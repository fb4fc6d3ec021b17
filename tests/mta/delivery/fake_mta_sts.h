// An MTA-STS service that answers what it was told, and remembers what it was asked.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/mta/delivery/run.h"
#include "tls/mta_sts.h"

namespace fulmar::delivery {

/// "mx1.b.example" or "*.b.example" in `mx`.
inline tls::StsPolicy make_policy(tls::StsMode mode, const std::vector<std::string>& mx) {
  tls::StsPolicy policy{.mode = mode, .max_age = std::chrono::hours(24 * 7), .mx = {}};
  for (const std::string& each : mx) {
    const bool wildcard = each.starts_with("*.");
    policy.mx.push_back(
        {.name = Domain::parse(each.substr(wildcard ? 2 : 0)).value(), .wildcard = wildcard});
  }
  return policy;
}

inline tls::StsLookup make_lookup(tls::StsPolicy policy,
                                  tls::StsLookup::Source source = tls::StsLookup::Source::cached) {
  tls::StsLookup lookup;
  lookup.entry.policy = policy;
  lookup.entry.policy_id = "id1";
  lookup.policy = std::move(policy);
  lookup.source = source;
  return lookup;
}

class FakeMtaSts final : public tls::MtaSts {
 public:
  /// What lookup() answers from now on, and recheck() unless it is told otherwise.
  void set(std::string_view domain, tls::StsLookup lookup) {
    known_.insert_or_assign(Domain::parse(domain).value(), std::move(lookup));
  }
  /// What recheck() answers from now on.
  void set_fresh(std::string_view domain, tls::StsLookup lookup) {
    fresh_.insert_or_assign(Domain::parse(domain).value(), std::move(lookup));
  }
  /// lookup() does not end before its io_context does.
  void stall(std::string_view domain) { stalled_.insert(Domain::parse(domain).value()); }
  /// "lookup b.example", in the order they were asked.
  [[nodiscard]] const std::vector<std::string>& calls() const { return calls_; }

  boost::asio::awaitable<tls::StsLookup> lookup(Domain domain) override {
    calls_.push_back("lookup " + domain.str());
    if (stalled_.contains(domain)) co_await never<bool>();
    co_return answer(known_, domain);
  }
  boost::asio::awaitable<tls::StsLookup> recheck(Domain domain) override {
    calls_.push_back("recheck " + domain.str());
    co_return answer(fresh_.contains(domain) ? fresh_ : known_, domain);
  }
  boost::asio::awaitable<tls::StsLookup> refresh(Domain domain) override {
    return recheck(std::move(domain));
  }
  boost::asio::awaitable<Result<>> forget(Domain domain) override {
    known_.erase(domain);
    co_return Result<>{};
  }
  [[nodiscard]] std::vector<tls::StsCacheEntry> list() const override { return {}; }
  [[nodiscard]] std::optional<tls::StsCacheEntry> find(const Domain& /*domain*/) const override {
    return std::nullopt;
  }
  boost::asio::awaitable<void> run_refresher() override { co_return; }
  void stop() override {}

 private:
  using Lookups = std::map<Domain, tls::StsLookup>;
  static tls::StsLookup answer(const Lookups& lookups, const Domain& domain) {
    const auto found = lookups.find(domain);
    return found == lookups.end() ? tls::StsLookup{} : found->second;
  }

  Lookups known_;
  Lookups fresh_;
  std::set<Domain> stalled_;
  std::vector<std::string> calls_;
};

}  // namespace fulmar::delivery
