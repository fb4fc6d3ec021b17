// DNS with validation, as an interface. UnboundResolver is the real one;
// tests/fakes/fake_resolver.h is fed records.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/ip_address.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

/// Each lookup follows CNAMEs (not cname() itself), ends within the configured timeout, and resumes
/// the caller on the caller's executor. Errors are those of answer.h, and Errc::cancelled when the
/// resolver is shutting down. An answer must not be used past its ttl. May be called from any
/// thread.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual boost::asio::awaitable<Result<Answer<MxRecord>>> mx(Domain name) = 0;
  virtual boost::asio::awaitable<Result<Answer<IpAddress>>> a(Domain name) = 0;
  virtual boost::asio::awaitable<Result<Answer<IpAddress>>> aaaa(Domain name) = 0;
  virtual boost::asio::awaitable<Result<Answer<TxtRecord>>> txt(Domain name) = 0;
  virtual boost::asio::awaitable<Result<Answer<TlsaRecord>>> tlsa(Domain name) = 0;
  /// Past every cache of ours; at most one a name a minute, else Errc::limit. Those who ask for the
  /// same name at the same time share one lookup. Errc::limit also when too many are under way. For
  /// when what the cache says and what a host presents disagree (pitfall 42).
  virtual boost::asio::awaitable<Result<Answer<TlsaRecord>>> fresh_tlsa(Domain name) = 0;
  /// The CNAME record at `name` itself, at most one.
  virtual boost::asio::awaitable<Result<Answer<Domain>>> cname(Domain name) = 0;
};

}  // namespace fulmar::resolver
