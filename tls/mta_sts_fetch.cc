#include "tls/mta_sts_fetch.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "tls/https_get.h"

namespace fulmar::tls {
namespace {

namespace asio = boost::asio;
using resolver::Answer;

constexpr std::string_view kHostLabel = "mta-sts";
constexpr std::string_view kPath = "/.well-known/mta-sts.txt";
constexpr std::size_t kMaxAddresses = 4;  // tried for one fetch

/// IPv6 and IPv4 in turn, so that one broken family costs one attempt (pitfall 54).
std::vector<IpAddress> interleave(const std::vector<IpAddress>& v6,
                                  const std::vector<IpAddress>& v4) {
  std::vector<IpAddress> all;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) all.push_back(v6[i]);
    if (i < v4.size()) all.push_back(v4[i]);
  }
  return all;
}

using AddressAnswer = Result<Answer<IpAddress>>;

/// Both address lookups on their way. Shared with them, as they may end after the fetch gave up.
struct AddressSearch {
  AddressSearch(const asio::any_io_executor& executor, SteadyTime deadline)
      : done(executor, deadline) {}

  std::optional<AddressAnswer> v6;
  std::optional<AddressAnswer> v4;
  asio::steady_timer done;  ///< Cancelled when both have ended.
};
using AddressSearchPtr = std::shared_ptr<AddressSearch>;

asio::awaitable<void> ask(asio::awaitable<AddressAnswer> lookup, AddressSearchPtr search,
                          std::optional<AddressAnswer> AddressSearch::*slot) {
  (*search).*slot = co_await std::move(lookup);
}

void start(const asio::any_io_executor& executor, asio::awaitable<AddressAnswer> lookup,
           const AddressSearchPtr& search, std::optional<AddressAnswer> AddressSearch::*slot) {
  asio::co_spawn(executor, ask(std::move(lookup), search, slot),
                 [search, slot](const std::exception_ptr& thrown) {
                   if (thrown) (*search).*slot = fail(Errc::internal, "address lookup threw");
                   if (search->v6 && search->v4) search->done.cancel();
                 });
}

class HttpsPolicyFetcher final : public PolicyFetcher {
 public:
  HttpsPolicyFetcher(resolver::Resolver& resolver, const ClientContext& context,
                     const conf::MtaSts& config, std::vector<Network> allow_networks)
      : resolver_(resolver),
        context_(context),
        timeout_(config.fetch_timeout),
        allow_networks_(std::move(allow_networks)) {}

  asio::awaitable<Result<std::string>> fetch(Domain domain) override {
    const asio::steady_timer whole(co_await asio::this_coro::executor, timeout_);
    // The prefix may make a long name too long.
    FULMAR_CO_TRY(Domain host, Domain::parse(domain.with_prefix(kHostLabel).str()));
    auto body = co_await fetch_from(host, whole.expiry());
    if (!body) body.error().detail = "policy host " + host.str() + ": " + body.error().detail;
    co_return body;
  }

 private:
  asio::awaitable<Result<std::string>> fetch_from(Domain host, SteadyTime deadline) {
    FULMAR_CO_TRY(std::vector<IpAddress> found, co_await find_addresses(host, deadline));
    FULMAR_CO_TRY(std::vector<IpAddress> addresses, select_allowed(found));
    HttpsRequest request{.host = std::move(host),
                         .path = std::string(kPath),
                         .addresses = std::move(addresses),
                         .deadline = deadline};
    co_return co_await https_get_policy(std::move(request), context_);
  }

  asio::awaitable<Result<std::vector<IpAddress>>> find_addresses(Domain host, SteadyTime deadline) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto search = std::make_shared<AddressSearch>(executor, deadline);
    start(executor, resolver_.aaaa(host), search, &AddressSearch::v6);
    start(executor, resolver_.a(host), search, &AddressSearch::v4);
    while (!search->v6 || !search->v4) {
      const auto [interrupted] =
          co_await search->done.async_wait(asio::as_tuple(asio::use_awaitable));
      if (!interrupted) break;  // the deadline
    }
    if (!search->v6 || !search->v4) co_return fail(Errc::timeout, "timed out finding its address");
    const AddressAnswer& v6 = *search->v6;
    const AddressAnswer& v4 = *search->v4;
    auto found = interleave(v6 ? v6->records : std::vector<IpAddress>{},
                            v4 ? v4->records : std::vector<IpAddress>{});
    if (!found.empty()) co_return found;
    if (!v4) co_return fail(v4.error());
    if (!v6) co_return fail(v6.error());
    co_return fail(Errc::io, "no address");
  }

  /// The addresses that may be dialled: exactly these are dialled, no name is looked up again.
  /// Pitfall 10
  Result<std::vector<IpAddress>> select_allowed(const std::vector<IpAddress>& found) const {
    std::vector<IpAddress> allowed;
    for (const IpAddress& address : found) {
      if (allowed.size() < kMaxAddresses && may_be_dialed(address, allow_networks_))
        allowed.push_back(address);
    }
    if (allowed.empty()) {
      return fail(Errc::address_refused, "address " + found.front().str() + " is not a public one");
    }
    return allowed;
  }

  resolver::Resolver& resolver_;
  const ClientContext& context_;
  std::chrono::milliseconds timeout_;
  std::vector<Network> allow_networks_;
};

}  // namespace

std::unique_ptr<PolicyFetcher> make_https_policy_fetcher(resolver::Resolver& resolver,
                                                         ClientContext& context,
                                                         const conf::MtaSts& config,
                                                         std::vector<Network> allow_networks) {
  return std::make_unique<HttpsPolicyFetcher>(resolver, context, config, std::move(allow_networks));
}

}  // namespace fulmar::tls
