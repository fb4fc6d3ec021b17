#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <fstream>

#include "mta/control/client.h"
#include "mta/control/unix_socket.h"
#include "tests/mta/control/daemon_fixture.h"

namespace fulmar::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Sends bytes as they are and reads until the daemon closes.
std::string talk(const std::string& path, const std::string& bytes) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::string rest = bytes;
  while (!rest.empty()) {
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    rest.erase(0, static_cast<std::size_t>(sent));
  }
  ::shutdown(fd, SHUT_WR);
  std::string answer;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_mode & 0777;
}

/// A socket file that nobody listens on, as a killed daemon leaves it.
void leave_stale_socket(const std::string& path) {
  boost::asio::io_context context;
  boost::asio::local::stream_protocol::acceptor acceptor(
      context, boost::asio::local::stream_protocol::endpoint(path));
}

TEST(ControlSocket, answers_a_request) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  const auto answer =
      ask_daemon(directory / "s", {"POST", "/v1/explain", R"({"target":"b.example"})"});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(boost::json::serialize(*answer), R"({"done":true})");
  EXPECT_THAT(daemon.operations.asked, ElementsAre("explain b.example"));
}

TEST(ControlSocket, passes_errors_on_with_their_class) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  daemon.operations.answer = fail(Errc::not_found, "no such message");
  const auto answer = ask_daemon(directory / "s", {"GET", "/v1/policies", ""});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::not_found);
  EXPECT_EQ(answer.error().detail, "no such message");
}

TEST(ControlSocket, long_answers_arrive_whole) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  daemon.operations.answer = boost::json::value(std::string(20'000'000, 'x'));
  const auto answer = ask_daemon(directory / "s", {"GET", "/v1/queue", ""});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->as_string().size(), 20'000'000U);
}

TEST(ControlSocket, pitfall_75_octets_that_are_no_utf8_still_make_an_answer) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  daemon.operations.answer = boost::json::value("caf\xE9 \x1b[2J");
  const auto answer = ask_daemon(directory / "s", {"GET", "/v1/queue", ""});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->as_string(), "caf? \x1b[2J");
}

TEST(ControlSocket, many_requests_one_after_the_other) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(ask_daemon(directory / "s", {"GET", "/v1/status", ""}));
}

TEST(ControlSocket, more_connections_than_allowed_wait_for_room) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  std::vector<std::jthread> clients;
  std::atomic<int> answered = 0;
  for (std::size_t i = 0; i < 2 * kMaxConnections; ++i) {
    clients.emplace_back([&] {
      answered += ask_daemon(directory / "s", {"GET", "/v1/status", ""}) ? 1 : 0;
    });
  }
  clients.clear();
  EXPECT_EQ(answered, 2 * static_cast<int>(kMaxConnections));
}

TEST(ControlSocket, refuses_what_is_too_long) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  const auto answer =
      ask_daemon(directory / "s", {"POST", "/v1/explain", std::string(kMaxRequestBody + 1, ' ')});
  ASSERT_FALSE(answer);
  EXPECT_TRUE(daemon.operations.asked.empty());
}

TEST(ControlSocket, answers_garbage_with_400_or_closes) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  EXPECT_THAT(talk(directory / "s", "EHLO example.org\r\n\r\n"), HasSubstr(" 400 "));
  EXPECT_EQ(talk(directory / "s", ""), "");
  EXPECT_EQ(talk(directory / "s", "GET /v1/status HT"), "");
  EXPECT_THAT(talk(directory / "s", "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"),
              HasSubstr(" 200 "));
}

TEST(ControlSocket, is_for_our_user_alone_without_a_group) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  EXPECT_EQ(mode_of(directory / "s"), 0600U);
}

TEST(ControlSocket, is_for_the_group_when_there_is_one) {
  TemporaryDirectory directory;
  boost::asio::io_context context;
  const auto acceptor = listen_on(directory / "s", ::getegid(), context.get_executor());
  ASSERT_TRUE(acceptor);
  EXPECT_EQ(mode_of(directory / "s"), 0660U);
}

TEST(ControlSocket, unknown_group_is_no_group) {
  EXPECT_EQ(find_group("no-such-group-here"), std::nullopt);
  EXPECT_EQ(find_group(""), std::nullopt);
  EXPECT_EQ(find_group("root"), 0U);
}

TEST(ControlSocket, our_own_user_may_control) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  EXPECT_TRUE(may_control(pair[0], std::nullopt));
  ::close(pair[0]);
  ::close(pair[1]);
  EXPECT_FALSE(may_control(pair[0], std::nullopt)) << "the kernel does not say";
}

/// What may_control() says of a peer with these ids. Only root can become somebody else.
bool may_control_as(uid_t user, gid_t main_group, const std::vector<gid_t>& groups,
                    std::optional<gid_t> group) {
  TemporaryDirectory directory;
  std::filesystem::permissions(std::filesystem::path(directory / "s").parent_path(),
                               std::filesystem::perms::all);
  boost::asio::io_context context;
  auto acceptor = listen_on(directory / "s", std::nullopt, context.get_executor());
  ::chmod((directory / "s").c_str(), 0666);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool changed = ::setgroups(groups.size(), groups.data()) == 0 &&
                         ::setgid(main_group) == 0 && ::setuid(user) == 0;
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (directory / "s").copy(address.sun_path, sizeof address.sun_path - 1);
    const bool connected =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::_exit(changed && connected ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  if (status != 0) return false;
  boost::asio::local::stream_protocol::socket peer(context);
  acceptor->accept(peer);
  return may_control(peer.native_handle(), group);
}

TEST(ControlSocket, the_kernel_says_who_may_control) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can pose as others";
  constexpr uid_t kSomebody = 65534;
  constexpr gid_t kTheirs = 65533;
  constexpr gid_t kGroup = 65532;
  EXPECT_FALSE(may_control_as(kSomebody, kTheirs, {}, std::nullopt));
  EXPECT_FALSE(may_control_as(kSomebody, kTheirs, {1, 2, 3}, kGroup));
  EXPECT_TRUE(may_control_as(kSomebody, kGroup, {}, kGroup));
  EXPECT_TRUE(may_control_as(kSomebody, kTheirs, {1, kGroup, 3}, kGroup));
  std::vector<gid_t> many(1'000, 1);
  many.push_back(kGroup);
  EXPECT_TRUE(may_control_as(kSomebody, kTheirs, many, kGroup));
}

TEST(ControlSocket, an_operation_that_throws_is_answered_at_once) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  daemon.operations.throws = true;
  const auto answer = ask_daemon(directory / "s", {"GET", "/v1/policies", ""});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::internal);
}

TEST(ControlSocket, replaces_one_that_a_killed_daemon_left) {
  TemporaryDirectory directory;
  leave_stale_socket(directory / "s");
  TestDaemon daemon(directory / "s");
  EXPECT_TRUE(ask_daemon(directory / "s", {"GET", "/v1/status", ""}));
}

TEST(ControlSocket, never_takes_one_from_a_living_daemon) {
  TemporaryDirectory directory;
  TestDaemon daemon(directory / "s");
  boost::asio::io_context context;
  FakeOperations operations;
  const auto second = ControlServer::open({.socket = directory / "s", .group = ""}, operations,
                                          context.get_executor());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().detail, HasSubstr("another daemon"));
  EXPECT_TRUE(ask_daemon(directory / "s", {"GET", "/v1/status", ""}));
}

TEST(ControlSocket, never_removes_a_file_of_another_kind) {
  TemporaryDirectory directory;
  std::ofstream(directory / "s") << "precious";
  boost::asio::io_context context;
  EXPECT_FALSE(listen_on(directory / "s", std::nullopt, context.get_executor()));
  EXPECT_TRUE(std::filesystem::exists(directory / "s"));
}

TEST(ControlSocket, needs_its_directory) {
  TemporaryDirectory directory;
  boost::asio::io_context context;
  const auto acceptor = listen_on(directory / "missing/s", std::nullopt, context.get_executor());
  ASSERT_FALSE(acceptor);
  EXPECT_EQ(acceptor.error().code, Errc::io);
  EXPECT_THAT(acceptor.error().detail, HasSubstr("does not exist"));
}

TEST(ControlSocket, is_gone_after_stop) {
  TemporaryDirectory directory;
  { const TestDaemon daemon(directory / "s"); }
  EXPECT_FALSE(std::filesystem::exists(directory / "s"));
  const auto answer = ask_daemon(directory / "s", {"GET", "/v1/status", ""});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::connect_failed);
}

}  // namespace
}  // namespace fulmar::control
