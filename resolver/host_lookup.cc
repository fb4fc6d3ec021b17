#include "resolver/host_lookup.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <string>
#include <utility>

namespace fulmar::resolver {
namespace {

using Addresses = Result<Answer<IpAddress>>;

/// The answers for both families of one host.
struct Families {
  Addresses v6;
  Addresses v4;
};

bool has_addresses(const Addresses& family) {
  return family && !family->records.empty();
}
bool has_secure_addresses(const Addresses& family) {
  return has_addresses(family) && family->secure();
}

/// IPv6 first, then turn by turn; each family in resolver order (RFC 5321 §5.1).
std::vector<IpAddress> interleave(const std::vector<IpAddress>& v6,
                                  const std::vector<IpAddress>& v4) {
  std::vector<IpAddress> addresses;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) addresses.push_back(v6[i]);
    if (i < v4.size()) addresses.push_back(v4[i]);
  }
  if (addresses.size() > kMaxAddresses) addresses.resize(kMaxAddresses);
  return addresses;
}

std::vector<IpAddress> all_addresses(const Families& families) {
  static const std::vector<IpAddress> kNone;
  return interleave(has_addresses(families.v6) ? families.v6->records : kNone,
                    has_addresses(families.v4) ? families.v4->records : kNone);
}

/// One validated family is enough, and then the other one's unproven addresses are not used
/// (pitfall 33).
void keep_secure_family(Families& families) {
  const bool v6 = has_secure_addresses(families.v6);
  const bool v4 = has_secure_addresses(families.v4);
  if (v4 && !v6) families.v6 = Answer<IpAddress>{};
  if (v6 && !v4) families.v4 = Answer<IpAddress>{};
}

/// Why no family has an address. A failed lookup may have hidden one, so it wins over a denial.
Error why_no_address(const Domain& host, const Families& families) {
  if (!families.v4) return families.v4.error();
  if (!families.v6) return families.v6.error();
  const bool absent = families.v4->existence == Existence::no_domain ||
                      families.v6->existence == Existence::no_domain;
  return make_error(Errc::no_addresses,
                    "the host " + host.str() +
                        (absent ? " does not exist" : " has neither an A nor an AAAA record"));
}

/// The answer that tells of an alias, if any; else the one whose addresses are used.
const Answer<IpAddress>& telling_answer(const Domain& host, const Families& families) {
  if (!has_addresses(families.v6)) return *families.v4;
  if (!has_addresses(families.v4)) return *families.v6;
  return families.v6->canonical != host ? *families.v6 : *families.v4;
}

boost::asio::awaitable<Families> lookup_families(Resolver& resolver, Domain host) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto [v6, v4] = co_await (resolver.aaaa(host) && resolver.a(host));
  co_return Families{.v6 = std::move(v6), .v4 = std::move(v4)};
}

/// Whether the first link of an alias whose answer as a whole is insecure is secure. RFC 7672
/// §2.1.3, §2.2.2
boost::asio::awaitable<Result<Security>> lookup_first_link(Resolver& resolver, Domain host) {
  FULMAR_CO_TRY(const auto alias, co_await resolver.cname(host));
  co_return alias.existence == Existence::records ? alias.security : Security::insecure;
}

std::string tlsa_prefix(std::uint16_t port) {
  return "_" + std::to_string(port) + "._tcp";
}

/// A name over 253 octets cannot be, so nothing can be published there.
bool can_have_tlsa(const Domain& base, std::string_view prefix) {
  return base.str().size() + prefix.size() + 1 <= 253;
}

/// The lookup's error as an error of DANE. The end of the program stays what it is, and so does a
/// limit: it says nothing about the host.
Error as_dane_error(Error error) {
  if (error.code == Errc::cancelled || error.code == Errc::limit) return error;
  return make_error(Errc::dane_lookup, std::string(to_string(error.code)) + ": " + error.detail);
}

}  // namespace

std::vector<Domain> tlsa_base_candidates(const AliasFacts& facts) {
  if (facts.canonical == facts.host) {
    if (facts.chain == Security::insecure) return {};
    return {facts.host};
  }
  if (facts.chain == Security::secure) return {facts.canonical, facts.host};  // RFC 7672 §2.2.3
  if (facts.first_link == Security::secure) return {facts.host};              // RFC 7672 §2.2.2
  return {};
}

boost::asio::awaitable<HostLookup> lookup_host(Resolver& resolver, Domain host) {
  HostLookup result;
  result.host = result.canonical = host;
  Families families = co_await lookup_families(resolver, host);
  if (!has_addresses(families.v6) && !has_addresses(families.v4)) {
    result.error = why_no_address(host, families);
    co_return result;
  }
  keep_secure_family(families);
  const Answer<IpAddress>& answer = telling_answer(host, families);
  AliasFacts facts{.host = host,
                   .canonical = answer.canonical,
                   .chain = answer.security,
                   .first_link = answer.security};
  result.canonical = answer.canonical;
  if (facts.canonical != host && facts.chain == Security::insecure) {
    const auto first_link = co_await lookup_first_link(resolver, host);
    if (!first_link) {
      // Not to know whether DANE applies must not mean that it does not. RFC 7672 §2.1.2
      result.error = first_link.error();
      co_return result;
    }
    facts.first_link = *first_link;
  }
  result.tlsa_bases = tlsa_base_candidates(facts);
  result.security = result.tlsa_bases.empty() ? Security::insecure : Security::secure;
  result.addresses = all_addresses(families);
  co_return result;
}

namespace {

TlsaLookup failed_lookup(const Domain& base, Error why) {
  TlsaLookup result;
  result.status = TlsaStatus::lookup_failed;
  result.base = base;
  result.error = std::move(why);
  return result;
}

/// Why an answer cannot be gone by, if so.
std::optional<Error> distrust(const Answer<TlsaRecord>& answer, TlsaSettings::Source source) {
  if (source == TlsaSettings::Source::fresh && !answer.secure()) {
    // What was proven before is replaced by what is proven now, and by nothing else.
    return make_error(Errc::dane_lookup, "the fresh answer is not secured by DNSSEC");
  }
  if (answer.secure() && answer.records.size() > kMaxTlsaRecords) {
    return make_error(Errc::dane_lookup, "there are " + std::to_string(answer.records.size()) +
                                             " TLSA records, more than are looked at");
  }
  return std::nullopt;
}

}  // namespace

boost::asio::awaitable<TlsaLookup> lookup_tlsa(Resolver& resolver, std::vector<Domain> bases,
                                               std::uint16_t port, TlsaSettings settings) {
  const std::string prefix = tlsa_prefix(port);
  std::erase_if(bases, [&prefix](const Domain& base) { return !can_have_tlsa(base, prefix); });
  std::optional<std::chrono::seconds> shortest;
  TlsaLookup result;
  for (const Domain& base : bases) {
    const Domain name = base.with_prefix(prefix);  // RFC 7672 §2.2.3
    auto asked = settings.source == TlsaSettings::Source::fresh ? resolver.fresh_tlsa(name)
                                                                : resolver.tlsa(name);
    auto answer = co_await std::move(asked);
    if (!answer) co_return failed_lookup(base, as_dane_error(std::move(answer).error()));
    if (auto why = distrust(*answer, settings.source))
      co_return failed_lookup(base, *std::move(why));
    shortest = std::min(shortest.value_or(answer->ttl), answer->ttl);
    result.ttl = *shortest;
    if (answer->existence != Existence::records || !answer->secure()) continue;
    result.base = base;
    result.published = std::move(answer->records);
    result.usable = select_usable(result.published, settings.digests);
    result.status = result.usable.empty() ? TlsaStatus::unusable : TlsaStatus::usable;
    co_return result;
  }
  co_return result;
}

}  // namespace fulmar::resolver
