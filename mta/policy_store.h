// Joins the MTA-STS service to the spool: cache entries as records of the spool database.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "queue/store.h"
#include "tls/mta_sts.h"

namespace fulmar::mta {

class SpoolPolicyStore final : public tls::PolicyStore {
 public:
  /// `store` must outlive it.
  explicit SpoolPolicyStore(queue::Store& store) : store_(store) {}

  boost::asio::awaitable<Result<>> save(tls::StsCacheEntry entry) override;
  boost::asio::awaitable<Result<>> remove(Domain domain) override;

  /// Everything that was known; entries that do not decode are logged as warnings and left out:
  /// losing one only means that the policy is looked up as for the first time.
  boost::asio::awaitable<Result<std::vector<tls::StsCacheEntry>>> load();

 private:
  queue::Store& store_;
};

}  // namespace fulmar::mta
