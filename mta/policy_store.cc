#include "mta/policy_store.h"

#include "base/log.h"

namespace fulmar::mta {

namespace asio = boost::asio;

asio::awaitable<Result<>> SpoolPolicyStore::save(tls::StsCacheEntry entry) {
  queue::Batch batch{queue::PutRecord{queue::kPolicies, entry.domain.str(), tls::encode(entry)}};
  co_return co_await store_.commit(std::move(batch));
}

asio::awaitable<Result<>> SpoolPolicyStore::remove(Domain domain) {
  queue::Batch batch{queue::RemoveRecord{queue::kPolicies, domain.str()}};
  co_return co_await store_.commit(std::move(batch));
}

asio::awaitable<Result<std::vector<tls::StsCacheEntry>>> SpoolPolicyStore::load() {
  FULMAR_CO_TRY(const auto records, co_await store_.read_table(queue::kPolicies));
  std::vector<tls::StsCacheEntry> entries;
  for (const auto& [key, value] : records) {
    auto entry = tls::decode_sts_cache_entry(value);
    if (entry) {
      entries.push_back(*std::move(entry));
    } else {
      log_warn("cached MTA-STS policy cannot be read",
               {{"domain", key}, {"reason", entry.error().detail}});
    }
  }
  co_return entries;
}

}  // namespace fulmar::mta
