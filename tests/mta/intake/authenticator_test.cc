// Who is accepted, who is refused, and who is not even looked at.
#include "mta/intake/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/mta/intake/log_lines.h"
#include "tests/mta/intake/users_file.h"

namespace fulmar::intake {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;
using testing::SizeIs;
using Verdict = Authenticator::Verdict;

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

/// The nth of many.
IpAddress client(std::size_t n) {
  return IpAddress::from_v4(
      {10, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

asio::awaitable<void> add_verdict(Authenticator& authenticator, IpAddress from, std::string user,
                                  std::string password, std::vector<Verdict>& verdicts) {
  const Verdict verdict = co_await authenticator.check(from, std::move(user), std::move(password));
  verdicts.push_back(verdict);
}

/// Can keep all threads waiting but the one that made it: here, those that check passwords.
class GatedClock final : public Clock {
 public:
  [[nodiscard]] UtcTime utc_now() const override { return clock_.utc_now(); }
  [[nodiscard]] SteadyTime steady_now() const override {
    if (std::this_thread::get_id() != home_) is_closed_.wait(true);
    return clock_.steady_now();
  }
  void advance(std::chrono::milliseconds by) { clock_.advance(by); }
  void close() { is_closed_ = true; }
  void open() {
    is_closed_ = false;
    is_closed_.notify_all();
  }

 private:
  const std::thread::id home_ = std::this_thread::get_id();
  fakes::FakeClock clock_;
  std::atomic<bool> is_closed_{false};
};

class AuthenticatorTest : public testing::Test {
 protected:
  std::unique_ptr<Authenticator> make() {
    return Authenticator::create(file_.path(), ScramSecret{}, clock_).value();
  }
  /// Begins a check whose verdict comes as run() or poll() finds it.
  void begin(Authenticator& authenticator, const std::string& user, const std::string& password,
             const IpAddress& from = address("192.0.2.1")) {
    clock_.close();
    asio::co_spawn(io_, add_verdict(authenticator, from, user, password, verdicts_),
                   asio::detached);
  }
  /// What came without a hash. No password is checked until run().
  const std::vector<Verdict>& poll() {
    io_.restart();
    io_.poll();
    return verdicts_;
  }
  std::vector<Verdict> run() {
    clock_.open();
    io_.restart();
    io_.run();
    return std::exchange(verdicts_, {});
  }
  Verdict check(Authenticator& authenticator, const std::string& user, const std::string& password,
                const IpAddress& from = address("192.0.2.1")) {
    begin(authenticator, user, password, from);
    return run().at(0);
  }
  [[nodiscard]] std::size_t count(Verdict verdict) const {
    return static_cast<std::size_t>(std::ranges::count(verdicts_, verdict));
  }

  GatedClock clock_;
  UsersFile file_{user_line("shop", "secret") + user_line("b\u00fccher", "p\u00e4sse")};
  asio::io_context io_;
  std::vector<Verdict> verdicts_;
};

TEST_F(AuthenticatorTest, a_user_with_the_right_password_is_accepted_and_nobody_else) {
  struct Case {
    std::string user;
    std::string password;
    Verdict want = Verdict::refused;
  };
  const Case cases[] = {
      {"shop", "secret", Verdict::accepted},
      {"b\u00fccher", "p\u00e4sse", Verdict::accepted},
      {"shop", "Secret"},
      {"shop", "secret "},
      {"shop", "p\u00e4sse"},
      {"Shop", "secret"},
      {"nobody", "secret"},
      {"", "secret"},
      {"", ""},
      {"shop", ""},
      {"shop", std::string("secret\0", 7)},
      {"shop", std::string("secret\0x", 8)},
      {std::string("shop\0", 5), "secret"},
      {"shop", std::string(512, 'x')},
      {"shop", std::string(100'000, 'x')},
      {std::string(100'000, 'x'), "secret"},
      {"shop", hash_of("secret")},
      {"shop", "secret", Verdict::accepted},
  };
  const auto authenticator = make();
  for (const Case& each : cases) {
    EXPECT_EQ(check(*authenticator, each.user, each.password), each.want) << each.user;
    clock_.advance(15min);  // nobody has to wait
  }
}

TEST_F(AuthenticatorTest, SCRAM_keys_serve_a_client_that_sends_its_password) {
  file_.write(scram_line("shop", "secret") + scram_line("b\u00fccher", "p\u00e4sse"));
  const auto authenticator = make();
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::accepted);
  EXPECT_EQ(check(*authenticator, "b\u00fccher", "pa\u0308sse"), Verdict::accepted) << "SASLprep";
  EXPECT_EQ(check(*authenticator, "shop", "Secret"), Verdict::refused);
  begin(*authenticator, "nobody", "secret");
  EXPECT_TRUE(poll().empty()) << "who does not exist costs as much";
  EXPECT_THAT(run(), ElementsAre(Verdict::refused));
}

TEST_F(AuthenticatorTest, nobody_is_accepted_without_a_file_or_with_an_empty_one) {
  const auto without = Authenticator::create("", ScramSecret{}, clock_).value();
  EXPECT_EQ(check(*without, "shop", "secret"), Verdict::refused);
  file_.write("# nobody yet\n");
  EXPECT_EQ(check(*make(), "shop", "secret"), Verdict::refused);
}

TEST_F(AuthenticatorTest, a_file_that_cannot_be_used_is_an_error) {
  EXPECT_EQ(Authenticator::create("/nowhere/users", ScramSecret{}, clock_).error().code, Errc::io);
  file_.write("shop\n");
  EXPECT_EQ(Authenticator::create(file_.path(), ScramSecret{}, clock_).error().code, Errc::syntax);
}

asio::awaitable<bool> stays_on_its_thread(Authenticator& authenticator) {
  const auto before = std::this_thread::get_id();
  co_await authenticator.check(address("192.0.2.1"), "shop", "wrong");
  co_return std::this_thread::get_id() == before;
}

TEST_F(AuthenticatorTest, resumes_on_the_executor_of_its_caller) {
  const auto authenticator = make();
  auto same = asio::co_spawn(io_, stays_on_its_thread(*authenticator), asio::use_future);
  io_.run();
  EXPECT_TRUE(same.get());
}

TEST_F(AuthenticatorTest, any_thread_may_ask) {
  std::array<asio::io_context, 4> contexts;
  const auto authenticator = make();
  std::vector<std::jthread> threads;
  std::vector<std::vector<Verdict>> verdicts(contexts.size());
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    threads.emplace_back([&authenticator, &io = contexts.at(i), &mine = verdicts[i], i] {
      for (int n = 0; n < 10; ++n) {
        asio::co_spawn(
            io,
            add_verdict(*authenticator, client(i), "shop", n % 2 == 0 ? "secret" : "wrong", mine),
            asio::detached);
      }
      io.run();
    });
  }
  threads.clear();
  for (const auto& mine : verdicts) {
    ASSERT_EQ(mine.size(), 10U);
    EXPECT_EQ(std::ranges::count(mine, Verdict::accepted), 5);
    EXPECT_EQ(std::ranges::count(mine, Verdict::refused), 5);
  }
}

TEST_F(AuthenticatorTest, after_five_failures_nothing_from_there_is_looked_at) {
  const auto authenticator = make();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(check(*authenticator, "shop", "wrong"), Verdict::refused);
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::try_later)
      << "not even the right one";
  EXPECT_EQ(check(*authenticator, "shop", "secret", address("192.0.2.2")), Verdict::accepted);
  clock_.advance(1s);
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::accepted);
  EXPECT_EQ(check(*authenticator, "shop", "wrong"), Verdict::refused) << "a new run";
  EXPECT_EQ(check(*authenticator, "shop", "wrong"), Verdict::refused);
}

TEST_F(AuthenticatorTest, passwords_that_cannot_be_right_count_as_failures) {
  const auto authenticator = make();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(check(*authenticator, "shop", ""), Verdict::refused);
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::try_later);
}

TEST_F(AuthenticatorTest, guesses_that_came_together_do_not_all_count_as_the_first) {
  const auto authenticator = make();
  for (int i = 0; i < 40; ++i)
    begin(*authenticator, "shop", "wrong" + std::to_string(i));
  run().swap(verdicts_);
  ASSERT_EQ(verdicts_.size(), 40U);
  EXPECT_THAT(count(Verdict::refused), AllOf(Ge(5U), Le(4U + Authenticator::kMaxThreads)));
  EXPECT_EQ(count(Verdict::refused) + count(Verdict::try_later), 40U);
}

TEST_F(AuthenticatorTest, what_was_right_costs_nothing_for_five_minutes) {
  const auto authenticator = make();
  begin(*authenticator, "shop", "secret");
  EXPECT_TRUE(poll().empty()) << "a hash has to be made";
  EXPECT_THAT(run(), ElementsAre(Verdict::accepted));

  clock_.advance(5min - 1ms);
  begin(*authenticator, "shop", "secret", address("192.0.2.2"));
  EXPECT_THAT(poll(), ElementsAre(Verdict::accepted)) << "wherever it comes from";
  verdicts_.clear();
  for (const char* wrong : {"Secret", "secre", "secrets"}) {
    begin(*authenticator, "shop", wrong);
    EXPECT_TRUE(poll().empty()) << wrong;
    EXPECT_THAT(run(), ElementsAre(Verdict::refused)) << wrong;
  }

  clock_.advance(1ms);
  begin(*authenticator, "shop", "secret");
  EXPECT_TRUE(poll().empty()) << "forgotten";
  EXPECT_THAT(run(), ElementsAre(Verdict::accepted));
}

TEST_F(AuthenticatorTest, a_user_that_does_not_exist_is_not_refused_at_once) {
  const auto authenticator = make();
  begin(*authenticator, "nobody", "secret");
  EXPECT_TRUE(poll().empty());
  EXPECT_THAT(run(), ElementsAre(Verdict::refused));
  begin(*authenticator, "nobody", "secret");
  EXPECT_TRUE(poll().empty()) << "nothing is remembered of it";
  EXPECT_THAT(run(), ElementsAre(Verdict::refused))
      << "although the password fits the stand-in's hash";
}

TEST_F(AuthenticatorTest, so_many_checks_wait_and_no_more) {
  constexpr std::size_t kAsked = 100;
  file_.write(user_line("shop", "secret") + user_line("known", "secret"));
  const auto authenticator = make();
  EXPECT_EQ(check(*authenticator, "known", "secret"), Verdict::accepted);
  for (std::size_t i = 0; i < kAsked; ++i)
    begin(*authenticator, "shop", "wrong", client(i));
  poll();
  EXPECT_THAT(verdicts_, Each(Verdict::try_later));
  EXPECT_LE(verdicts_.size(), kAsked - Authenticator::kMaxWaiting);
  EXPECT_GE(verdicts_.size(), kAsked - Authenticator::kMaxWaiting - Authenticator::kMaxThreads)
      << "some have begun";
  verdicts_.clear();

  begin(*authenticator, "known", "secret");
  EXPECT_THAT(poll(), ElementsAre(Verdict::accepted)) << "who is remembered waits for nobody";
  verdicts_.clear();

  authenticator->stop();
  EXPECT_THAT(run(), AllOf(SizeIs(Ge(Authenticator::kMaxWaiting)), Each(Verdict::try_later)))
      << "those who wait are let go";
  EXPECT_EQ(check(*authenticator, "known", "secret"), Verdict::try_later) << "it is over";
}

TEST_F(AuthenticatorTest, a_changed_file_counts_from_its_reload_on) {
  file_.write(user_line("shop", "secret") + user_line("left", "secret"));
  const auto authenticator = make();
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::accepted);
  EXPECT_EQ(check(*authenticator, "left", "secret"), Verdict::accepted);
  file_.write(user_line("shop", "new") + user_line("came", "secret"));
  EXPECT_EQ(check(*authenticator, "shop", "new"), Verdict::refused) << "not read yet";

  ASSERT_TRUE(authenticator->reload(file_.path()));
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::refused) << "though remembered";
  EXPECT_EQ(check(*authenticator, "left", "secret"), Verdict::refused)
      << "though remembered, and another user has the same hash";
  EXPECT_EQ(check(*authenticator, "shop", "new"), Verdict::accepted);
  EXPECT_EQ(check(*authenticator, "came", "secret"), Verdict::accepted);
}

TEST_F(AuthenticatorTest, a_broken_file_keeps_the_users_there_were) {
  const auto authenticator = make();
  file_.write("shop\n");
  const auto reloaded = authenticator->reload(file_.path());
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().detail, file_.path() + ":1: must be name:hash");
  EXPECT_EQ(authenticator->reload("/nowhere/users").error().code, Errc::io);
  EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::accepted);

  const UsersFile other(user_line("shop", "elsewhere"));
  ASSERT_TRUE(authenticator->reload(other.path()));
  EXPECT_EQ(check(*authenticator, "shop", "elsewhere"), Verdict::accepted);
  ASSERT_TRUE(authenticator->reload(""));
  EXPECT_EQ(check(*authenticator, "shop", "elsewhere"), Verdict::refused) << "nobody any more";
}

TEST_F(AuthenticatorTest, a_hash_that_libcrypt_cannot_use_is_no_wrong_password) {
  const LogLines log;
  const std::string hash = hash_of("secret", "$2b$04$saltsaltsaltsaltsaltsO");
  file_.write("shop:$2b$03" + hash.substr(6) + '\n');
  const auto authenticator = make();
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(check(*authenticator, "shop", "secret"), Verdict::unavailable);
  EXPECT_EQ(log.count("a password cannot be checked"), 6U);
  EXPECT_EQ(log.count("secret"), 0U);
}

}  // namespace
}  // namespace fulmar::intake
