// Does a domain publish an MTA-STS policy, and under which id? The TXT lookup of RFC 8461 §3.1, one
// at a time per domain.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>

#include "base/domain.h"
#include "base/result.h"
#include "resolver/resolver.h"
#include "tls/mta_sts_cache.h"

namespace fulmar::tls {

/// Lives on one thread's executor, as its callers do. Not movable: lookups on their way hold it.
class StsDiscovery {
 public:
  /// `resolver` must outlive this; this must outlive what runs on `executor`.
  StsDiscovery(resolver::Resolver& resolver, boost::asio::any_io_executor executor);
  StsDiscovery(const StsDiscovery&) = delete;
  StsDiscovery& operator=(const StsDiscovery&) = delete;

  /// The id of the record that is published now; empty when there is none. Joins the lookup of the
  /// domain that is on its way, or starts one, which the caller may give up without taking along
  /// the others' answer (STS-42). A record that is malformed (Errc::syntax) or that cannot be
  /// looked up (the resolver's errors) is trouble and never an absence; Errc::cancelled after
  /// stop().
  [[nodiscard]] boost::asio::awaitable<Result<LiveId>> find_live_id(Domain domain);

  /// Sends all who wait away with Errc::cancelled. Lookups on their way end in their own time.
  void stop();

 private:
  struct Question;
  // Shared by the lookup and by every waiter, whichever ends last.
  using QuestionPtr = std::shared_ptr<Question>;

  QuestionPtr question_for(const Domain& domain);
  boost::asio::awaitable<Result<LiveId>> ask(Domain domain);

  resolver::Resolver& resolver_;
  boost::asio::any_io_executor executor_;
  std::map<Domain, QuestionPtr> questions_;
};

}  // namespace fulmar::tls
