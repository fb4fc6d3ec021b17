#include "resolver/unbound_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unbound.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "base/clock.h"
#include "resolver/unbound_fresh.h"
#include "tests/fakes/fake_clock.h"
#include "tests/resolver/dns_responder.h"

namespace fulmar::resolver {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

Domain domain(std::string_view text) {
  return Domain::parse(text).value();
}

/// A file that is gone with the test.
class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    static int count = 0;
    path_ = testing::TempDir() + "fulmar_resolver_" + std::to_string(getpid()) + '_' +
            std::to_string(count++);
    std::ofstream(path_) << text;
  }
  ~TempFile() { unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// An anchor for signed.example alone: names elsewhere are insecure, names below it can only be
/// bogus, since the responder signs nothing.
const std::string kAnchor =
    "signed.example. IN DS 4711 8 2 "
    "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n";

class UnboundResolverTest : public testing::Test {
 protected:
  conf::Resolver config() {
    return {.trust_anchor = anchor_.path(),
            .root_hints = {},
            .forward_to = {responder_.upstream()},
            .timeout = 10s,
            .plain_zones = {domain("test")}};
  }

  std::unique_ptr<UnboundResolver> create(const conf::Resolver& config) {
    return std::move(UnboundResolver::create(config, io_.get_executor(), clock_).value());
  }

  template <class T>
  T wait_for(std::future<T> future) {
    // Bounded, because a lookup may also come to its end on another thread.
    while (future.wait_for(0s) != std::future_status::ready)
      io_.run_one_for(20ms);
    return future.get();
  }

  template <class T>
  T run(asio::awaitable<T> coroutine) {
    return wait_for(asio::co_spawn(io_, std::move(coroutine), asio::use_future));
  }

  asio::io_context io_;
  fakes::FakeClock clock_;
  DnsResponder responder_{io_};
  TempFile anchor_{kAnchor};
};

TEST_F(UnboundResolverTest, records_of_every_type) {
  responder_.add(
      "b.test", RecordType::mx,
      {.rdata = {wire_u16(10) + wire_name("MX1.b.test"), wire_u16(20) + wire_name("_mx2.b.test")}});
  responder_.add("mx1.b.test", RecordType::a, {.rdata = {"\xc0\x00\x02\x01"s}});
  responder_.add("mx1.b.test", RecordType::aaaa,
                 {.rdata = {"\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\1"}});
  responder_.add("_mta-sts.b.test", RecordType::txt, {.rdata = {"\10v=STSv1;\5 id=1"s}});
  responder_.add("_25._tcp.mx1.b.test", RecordType::tlsa, {.rdata = {"\3\1\1ab"s}});
  responder_.add("alias.b.test", RecordType::cname, {.rdata = {wire_name("mx1.b.test")}});
  const auto resolver = create(config());

  const auto mx = run(resolver->mx(domain("b.test"))).value();
  EXPECT_EQ(mx.existence, Existence::records);
  EXPECT_FALSE(mx.secure());
  EXPECT_EQ(mx.canonical, domain("b.test"));
  EXPECT_GT(mx.ttl, 0s);
  EXPECT_LE(mx.ttl, 300s);
  EXPECT_THAT(mx.records, testing::UnorderedElementsAre(MxRecord{10, domain("mx1.b.test")},
                                                        MxRecord{20, domain("_mx2.b.test")}));

  EXPECT_EQ(run(resolver->a(domain("mx1.b.test"))).value().records.at(0).str(), "192.0.2.1");
  EXPECT_EQ(run(resolver->aaaa(domain("mx1.b.test"))).value().records.at(0).str(), "2001:db8::1");
  EXPECT_EQ(run(resolver->txt(domain("_mta-sts.b.test"))).value().records.at(0).text,
            "v=STSv1; id=1");
  EXPECT_EQ(run(resolver->tlsa(domain("_25._tcp.mx1.b.test"))).value().records.at(0),
            (TlsaRecord{3, 1, 1, "ab"}));

  const auto alias = run(resolver->a(domain("alias.b.test"))).value();
  EXPECT_EQ(alias.canonical, domain("mx1.b.test"));
  EXPECT_EQ(alias.records.at(0).str(), "192.0.2.1");
  const auto link = run(resolver->cname(domain("alias.b.test"))).value();
  EXPECT_EQ(link.records.at(0), domain("mx1.b.test"));
  EXPECT_EQ(link.canonical, domain("alias.b.test"));
}

TEST_F(UnboundResolverTest, pitfall_46_denials_are_answers_and_failures_are_not) {
  responder_.add("gone.test", RecordType::mx, {.rcode = 3});
  responder_.add("fail.test", RecordType::mx, {.rcode = 2});
  responder_.add("refused.test", RecordType::mx, {.rcode = 5});
  const auto resolver = create(config());
  EXPECT_EQ(run(resolver->mx(domain("gone.test"))).value().existence, Existence::no_domain);
  EXPECT_EQ(run(resolver->mx(domain("empty.test"))).value().existence, Existence::no_data);
  for (const auto* name : {"fail.test", "refused.test"}) {
    const auto error = run(resolver->mx(domain(name))).error();
    EXPECT_EQ(error.code, Errc::dns_servfail) << name;
    EXPECT_THAT(error.detail, AllOf(HasSubstr("MX "s + name), HasSubstr("SERVFAIL")));
  }
}

TEST_F(UnboundResolverTest, pitfall_47_bogus_comes_with_its_reason) {
  responder_.add("mx.signed.example", RecordType::a, {.rdata = {"\xc0\x00\x02\x01"s}});
  const auto resolver = create(config());
  const auto error = run(resolver->a(domain("mx.signed.example"))).error();
  EXPECT_EQ(error.code, Errc::dns_bogus);
  EXPECT_THAT(error.detail, AllOf(HasSubstr("A mx.signed.example"), HasSubstr("no DNSKEY")));
}

TEST_F(UnboundResolverTest, special_use_zones_are_answered_here_unless_plain) {
  responder_.add("b.test", RecordType::a, {.rdata = {"\xc0\x00\x02\x01"s}});
  auto settings = config();
  settings.plain_zones.clear();
  {
    const auto resolver = create(settings);
    EXPECT_EQ(run(resolver->a(domain("b.test"))).value().existence, Existence::no_domain);
    EXPECT_EQ(responder_.queries(), 0);
  }
  settings.plain_zones = {domain("b.test")};  // below a built-in zone
  const auto resolver = create(settings);
  EXPECT_EQ(run(resolver->a(domain("b.test"))).value().existence, Existence::records);
  EXPECT_EQ(run(resolver->a(domain("c.test"))).value().existence, Existence::no_domain);
}

TEST_F(UnboundResolverTest, pitfall_44_files_that_cannot_serve) {
  const TempFile empty("");
  const TempFile no_anchor("root:x:0:0:root:/root:/bin/bash\n");
  const TempFile broken_anchor(". IN DS four score 8 2 zz\n");
  const TempFile broken_hints(". 3600 NS a.root.\na.root. 3600 A 192.0.2.1000\n");
  struct Case {
    const char* name;
    std::string anchor;
    std::string hints;
    std::string want;
  };
  const Case cases[] = {
      {"no such anchor", "/nonexistent/root.key", "", "/nonexistent/root.key"},
      {"anchor is a directory", "/tmp", "", "/tmp"},
      {"empty anchor", empty.path(), "", empty.path()},
      {"no anchor at all", no_anchor.path(), "", no_anchor.path()},
      {"broken anchor", broken_anchor.path(), "", broken_anchor.path()},
      {"no such hints", anchor_.path(), "/nonexistent/hints", "/nonexistent/hints"},
      {"empty hints", anchor_.path(), empty.path(), empty.path()},
      {"broken hints", anchor_.path(), broken_hints.path(), broken_hints.path()},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto settings = config();
    settings.trust_anchor = c.anchor;
    settings.root_hints = c.hints;
    const auto resolver = UnboundResolver::create(settings, io_.get_executor(), clock_);
    ASSERT_FALSE(resolver);
    EXPECT_EQ(resolver.error().code, Errc::io);
    EXPECT_THAT(resolver.error().detail, HasSubstr(c.want));
  }
}

TEST_F(UnboundResolverTest, pitfall_48_an_upstream_that_is_no_address) {
  auto settings = config();
  settings.forward_to = {"not an address"};
  const auto resolver = UnboundResolver::create(settings, io_.get_executor(), clock_);
  ASSERT_FALSE(resolver);
  EXPECT_EQ(resolver.error().code, Errc::invalid_argument);
  EXPECT_THAT(resolver.error().detail, HasSubstr("not an address"));
}

TEST_F(UnboundResolverTest, pitfall_44_an_anchor_that_proves_nothing) {
  responder_.add("", RecordType::dnskey, {.rdata = {"\x01\x01\x03\x08keykeykey"s}});
  const auto resolver = create(config());
  const auto error = run(resolver->prove_trust_anchor()).error();
  EXPECT_EQ(error.code, Errc::dns_bogus);
  EXPECT_THAT(error.detail, AllOf(HasSubstr(anchor_.path()), HasSubstr(responder_.upstream())));
}

TEST_F(UnboundResolverTest, pitfall_43_an_upstream_without_dnssec_refutes_the_anchor) {
  const TempFile root_anchor(
      ". IN DS 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n");
  auto settings = config();
  settings.trust_anchor = root_anchor.path();
  const auto resolver = create(settings);
  const auto error = run(resolver->prove_trust_anchor()).error();
  EXPECT_EQ(error.code, Errc::dns_bogus);
  EXPECT_THAT(error.detail, HasSubstr(responder_.upstream()));
}

TEST_F(UnboundResolverTest, an_unreachable_root_neither_proves_nor_refutes) {
  responder_.fall_silent();
  auto settings = config();
  settings.timeout = 50ms;
  const auto resolver = create(settings);
  EXPECT_EQ(run(resolver->prove_trust_anchor()).error().code, Errc::dns_timeout);
}

TEST_F(UnboundResolverTest, timeout) {
  responder_.fall_silent();
  auto settings = config();
  settings.timeout = 50ms;
  const auto resolver = create(settings);
  const auto error = run(resolver->mx(domain("b.test"))).error();
  EXPECT_EQ(error.code, Errc::dns_timeout);
  EXPECT_THAT(error.detail, HasSubstr("MX b.test"));
}

TEST_F(UnboundResolverTest, cancellation_of_one_lookup) {
  responder_.fall_silent();
  const auto resolver = create(config());
  asio::cancellation_signal signal;
  auto future = asio::co_spawn(io_, resolver->mx(domain("b.test")),
                               asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  while (responder_.queries() == 0)
    io_.run_one();
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(wait_for(std::move(future)).error().code, Errc::cancelled);
}

TEST_F(UnboundResolverTest, pitfall_45_stop_with_1000_pending_lookups) {
  responder_.fall_silent();
  const auto resolver = create(config());
  std::vector<std::future<Result<Answer<MxRecord>>>> lookups;
  for (int i = 0; i < 1000; ++i) {
    const auto name = domain("d" + std::to_string(i) + ".test");
    lookups.push_back(asio::co_spawn(io_, resolver->mx(name), asio::use_future));
  }
  while (responder_.queries() < 10)
    io_.run_one();
  const SystemClock clock;
  const auto start = clock.steady_now();
  resolver->stop();
  for (auto& lookup : lookups) {
    EXPECT_EQ(wait_for(std::move(lookup)).error().code, Errc::cancelled);
  }
  EXPECT_LT(clock.steady_now() - start, 5s);
  EXPECT_EQ(run(resolver->mx(domain("late.test"))).error().code, Errc::cancelled);
}

TEST_F(UnboundResolverTest, lookups_beyond_the_limit_wait_their_turn) {
  auto settings = config();
  settings.timeout = 30s;
  const auto resolver = create(settings);
  std::vector<std::future<Result<Answer<MxRecord>>>> lookups;
  for (int i = 0; i < 2500; ++i) {
    const auto name = domain("d" + std::to_string(i) + ".test");
    lookups.push_back(asio::co_spawn(io_, resolver->mx(name), asio::use_future));
  }
  for (auto& lookup : lookups)
    EXPECT_TRUE(wait_for(std::move(lookup)));
}

TEST_F(UnboundResolverTest, lookups_that_wait_their_turn_time_out_too) {
  responder_.fall_silent();
  auto settings = config();
  settings.timeout = 200ms;
  const auto resolver = create(settings);
  std::vector<std::future<Result<Answer<MxRecord>>>> lookups;
  for (int i = 0; i < 2500; ++i) {
    const auto name = domain("d" + std::to_string(i) + ".test");
    lookups.push_back(asio::co_spawn(io_, resolver->mx(name), asio::use_future));
  }
  for (auto& lookup : lookups) {
    EXPECT_EQ(wait_for(std::move(lookup)).error().code, Errc::dns_timeout);
  }
}

constexpr auto kTlsaName = "_25._tcp.mx.b.test";

TEST_F(UnboundResolverTest, pitfall_42_a_fresh_lookup_passes_the_cache_and_leaves_it_alone) {
  responder_.add(kTlsaName, RecordType::tlsa, {.rdata = {"\3\1\1old"s}});
  const auto resolver = create(config());
  ASSERT_EQ(run(resolver->tlsa(domain(kTlsaName))).value().records.at(0).data, "old");
  responder_.add(kTlsaName, RecordType::tlsa, {.rdata = {"\3\1\1new"s}});
  EXPECT_EQ(run(resolver->tlsa(domain(kTlsaName))).value().records.at(0).data, "old");
  for (int i = 0; i < 2; ++i) {
    const auto fresh = run(resolver->fresh_tlsa(domain(kTlsaName))).value();
    EXPECT_EQ(fresh.records.at(0).data, "new");
    EXPECT_LE(fresh.ttl, 300s);
    clock_.advance(60s);
  }
  // Nor does the program's context get the settings of the one that came and went.
  const int queries = responder_.queries();
  EXPECT_EQ(run(resolver->tlsa(domain(kTlsaName))).value().records.at(0).data, "old");
  responder_.add("other.b.test", RecordType::a, {.rdata = {"\xc0\x00\x02\x01"s}});
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(run(resolver->a(domain("other.b.test"))));
  EXPECT_EQ(responder_.queries(), queries + 1);
}

TEST_F(UnboundResolverTest, redteam_7_a_fresh_answer_is_remembered_for_a_minute) {
  auto settings = config();
  settings.timeout = 300ms;
  const auto resolver = create(settings);
  const auto first = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_TRUE(first);
  responder_.fall_silent();
  const auto again = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->records, first->records);
  clock_.advance(60s);
  const auto late = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::dns_timeout) << "asked anew";
}

TEST_F(UnboundResolverTest, a_fresh_lookup_that_failed_is_due_once_a_minute) {
  auto settings = config();
  settings.timeout = 300ms;
  const auto resolver = create(settings);
  responder_.fall_silent();
  const auto first = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, Errc::dns_timeout);
  const auto again = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::limit);
  EXPECT_THAT(again.error().detail, HasSubstr("TLSA "s + kTlsaName));
}

TEST_F(UnboundResolverTest, fresh_lookups_validate) {
  responder_.add("_25._tcp.signed.example", RecordType::tlsa, {.rdata = {"\3\1\1ab"s}});
  const auto resolver = create(config());
  const auto error = run(resolver->fresh_tlsa(domain("_25._tcp.signed.example"))).error();
  EXPECT_EQ(error.code, Errc::dns_bogus);
}

TEST_F(UnboundResolverTest, fresh_lookups_of_one_name_are_one) {
  responder_.fall_silent();
  auto settings = config();
  settings.timeout = 300ms;
  const auto resolver = create(settings);
  std::vector<std::future<Result<Answer<TlsaRecord>>>> lookups;
  for (int i = 0; i < 20; ++i)
    lookups.push_back(
        asio::co_spawn(io_, resolver->fresh_tlsa(domain(kTlsaName)), asio::use_future));
  for (auto& lookup : lookups)
    EXPECT_EQ(wait_for(std::move(lookup)).error().code, Errc::dns_timeout);
}

TEST_F(UnboundResolverTest, fresh_lookups_at_once_are_few_and_end_with_the_resolver) {
  responder_.fall_silent();
  const auto resolver = create(config());
  std::vector<std::future<Result<Answer<TlsaRecord>>>> lookups;
  for (std::size_t i = 0; i < FreshLookups::kMaxAtOnce; ++i) {
    const auto name = domain("_25._tcp.mx" + std::to_string(i) + ".test");
    lookups.push_back(asio::co_spawn(io_, resolver->fresh_tlsa(name), asio::use_future));
  }
  EXPECT_EQ(run(resolver->fresh_tlsa(domain(kTlsaName))).error().code, Errc::limit);
  resolver->stop();
  for (auto& lookup : lookups)
    EXPECT_EQ(wait_for(std::move(lookup)).error().code, Errc::cancelled);
  EXPECT_EQ(run(resolver->fresh_tlsa(domain(kTlsaName))).error().code, Errc::cancelled);
}

TEST_F(UnboundResolverTest, a_fresh_lookup_that_cannot_begin_is_a_failed_one) {
  auto settings = config();
  const auto anchor = std::make_unique<TempFile>(kAnchor);
  settings.trust_anchor = anchor->path();
  const auto resolver = create(settings);
  unlink(anchor->path().c_str());
  const auto error = run(resolver->fresh_tlsa(domain(kTlsaName))).error();
  EXPECT_EQ(error.code, Errc::dns_servfail);
  EXPECT_THAT(error.detail, AllOf(HasSubstr(kTlsaName), HasSubstr(anchor->path())));
}

TEST_F(UnboundResolverTest, redteam_8_a_fresh_lookup_trusts_no_anchor_but_the_one_of_the_start) {
  auto settings = config();
  const auto anchor = std::make_unique<TempFile>(kAnchor);
  settings.trust_anchor = anchor->path();
  const auto resolver = create(settings);
  std::ofstream(anchor->path()) << "other.example. IN DS 4711 8 2 " << std::string(64, '0') << '\n';
  const auto answer = run(resolver->fresh_tlsa(domain(kTlsaName)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::dns_servfail);
  EXPECT_THAT(answer.error().detail, HasSubstr("was changed since the start"));
}

TEST_F(UnboundResolverTest, fresh_lookups_from_other_threads_come_back_there) {
  responder_.add(kTlsaName, RecordType::tlsa, {.rdata = {"\3\1\1ab"s}});
  const auto resolver = create(config());
  asio::thread_pool pool(2);
  std::vector<std::future<bool>> lookups;
  for (int i = 0; i < 6; ++i) {
    auto body = [](Resolver& dns, asio::thread_pool& home, Domain name) -> asio::awaitable<bool> {
      const auto answer = co_await dns.fresh_tlsa(std::move(name));
      co_return answer&& home.get_executor().running_in_this_thread();
    };
    auto task = body(*resolver, pool, domain("_25._tcp.mx" + std::to_string(i) + ".test"));
    lookups.push_back(asio::co_spawn(pool, std::move(task), asio::use_future));
  }
  for (auto& lookup : lookups)
    EXPECT_TRUE(wait_for(std::move(lookup)));
  pool.join();
}

TEST_F(UnboundResolverTest, pitfall_49_answers_and_outages_are_not_kept_too_long) {
  for (const auto use : {ContextUse::program, ContextUse::one_lookup}) {
    const auto context = create_unbound_context(config(), use).value();
    const std::pair<const char*, const char*> wanted[] = {
        {"serve-expired", "no"},         {"cache-min-ttl", "0"},
        {"infra-host-ttl", "60"},        {"infra-keep-probing", "yes"},
        {"infra-cache-max-rtt", "4000"}, {"harden-dnssec-stripped", "yes"},
        {"edns-buffer-size", "1232"},    {"prefetch", "no"},
    };
    for (const auto& [name, value] : wanted) {
      char* text = nullptr;
      ASSERT_EQ(ub_ctx_get_option(context.get(), name, &text), UB_NOERROR) << name;
      EXPECT_STREQ(text, value) << name;
      std::free(text);
    }
  }
}

TEST_F(UnboundResolverTest, pitfall_45_no_child_process) {
  const auto resolver = create(config());
  ASSERT_TRUE(run(resolver->mx(domain("b.test"))));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(UnboundResolverTest, pitfall_45_lookups_from_other_threads_come_back_there) {
  responder_.add("b.test", RecordType::a, {.rdata = {"\xc0\x00\x02\x01"s}});
  const auto resolver = create(config());
  asio::thread_pool pool(2);
  std::vector<std::future<bool>> lookups;
  for (int i = 0; i < 500; ++i) {
    auto body = [](Resolver& dns, asio::thread_pool& home) -> asio::awaitable<bool> {
      const auto answer = co_await dns.a(domain("b.test"));
      co_return answer && answer->records.size() == 1 &&
          home.get_executor().running_in_this_thread();
    };
    lookups.push_back(asio::co_spawn(pool, body(*resolver, pool), asio::use_future));
  }
  for (auto& lookup : lookups)
    EXPECT_TRUE(wait_for(std::move(lookup)));
  pool.join();
}

}  // namespace
}  // namespace fulmar::resolver
