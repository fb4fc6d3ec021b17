// The HTTPS GET against a server on a loopback port: limits, the deadline, the certificate; and the
// address guard of the fetcher, which never gets as far as a connection.
#include "tls/https_get.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <thread>

#include "tests/fakes/fake_resolver.h"
#include "tests/tls/handshake.h"
#include "tls/mta_sts_fetch.h"

namespace fulmar::tls {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr const char* kHost = "mta-sts.example.com";
constexpr milliseconds kPlenty{20'000};

Domain name(const char* text) {
  return Domain::parse(text).value();
}

/// Serves one connection with fixed bytes, on a thread of its own with blocking calls.
class OneShotServer {
 public:
  enum class After { close, silence };

  OneShotServer(const fakes::Identity& identity, std::string response, After after = After::close)
      : tls_(identity), response_(std::move(response)), after_(after) {
    // A client that hangs up early must not end the test program.
    std::signal(SIGPIPE, SIG_IGN);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneShotServer() { finish(); }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// What the client sent, when the connection has ended.
  const std::string& finish() {
    if (thread_.joinable()) {
      // Wakes an accept() that nobody came for.
      boost::system::error_code ignored;
      tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);
      thread_.join();
    }
    return request_;
  }

 private:
  void serve() {
    tcp::socket socket(io_);
    boost::system::error_code error;
    acceptor_.accept(socket, error);
    const SslPtr ssl = tls_.new_session();
    SSL_set_fd(ssl.get(), socket.native_handle());
    if (SSL_accept(ssl.get()) != 1) return;
    std::array<char, 4096> chunk{};
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const int size = SSL_read(ssl.get(), chunk.data(), chunk.size());
      if (size <= 0) return;
      request_.append(chunk.data(), static_cast<std::size_t>(size));
    }
    SSL_write(ssl.get(), response_.data(), static_cast<int>(response_.size()));
    if (after_ == After::close) {
      SSL_shutdown(ssl.get());
    } else {
      SSL_read(ssl.get(), chunk.data(), chunk.size());  // until the client gives up
    }
  }

  asio::io_context io_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  TestServer tls_;
  std::string response_;
  After after_;
  std::string request_;
  std::thread thread_;
};

class HttpsGet : public ::testing::Test {
 protected:
  HttpsGet()
      : root_(fakes::make_root()),
        identity_(issue(root_, {.dns_names = {kHost}})),
        context_(ClientContext::create({.ca_file = write_ca(root_)}).value()) {}

  static std::string write_ca(const fakes::Identity& root) {
    const std::string path =
        ::testing::TempDir() + "fulmar_https_get_" + std::to_string(getpid()) + ".pem";
    fakes::write_pem(path, root.certificate_pem());
    return path;
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    auto result = asio::co_spawn(io_, std::move(work), asio::use_future);
    io_.restart();
    io_.run();
    return result.get();
  }

  Result<std::string> get(std::uint16_t port, milliseconds within = kPlenty) {
    HttpsRequest request{.host = name(kHost),
                         .path = "/.well-known/mta-sts.txt",
                         .addresses = {IpAddress::parse("127.0.0.1").value()},
                         .port = port,
                         .deadline = asio::steady_timer(io_, within).expiry()};
    return run(https_get_policy(std::move(request), *context_));
  }

  asio::io_context io_;
  fakes::Identity root_;
  fakes::Identity identity_;
  std::unique_ptr<ClientContext> context_;
};

std::string ok(const std::string& headers, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + headers + "\r\n" + body;
}
const std::string kType = "Content-Type: text/plain\r\n";

TEST_F(HttpsGet, STS_10_the_request_is_a_plain_GET) {
  OneShotServer server(identity_, ok(kType + "Content-Length: 5\r\n", "hello"));
  const auto got = get(server.port());
  ASSERT_TRUE(got) << got.error().detail;
  EXPECT_EQ(*got, "hello");
  const std::string request = server.finish();
  EXPECT_THAT(request, HasSubstr("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Host: mta-sts.example.com\r\n"));
  EXPECT_THAT(request, HasSubstr("User-Agent: fulmar\r\n"));
  for (const char* never : {"If-", "Accept-Encoding", "Cookie", "Cache"}) {  // STS-15
    EXPECT_EQ(request.find(never), std::string::npos) << never;
  }
}

TEST_F(HttpsGet, a_body_ended_by_close_is_read) {
  const OneShotServer server(identity_, ok(kType, "hello"));
  EXPECT_EQ(get(server.port()).value(), "hello");
}

TEST_F(HttpsGet, a_chunked_body_is_read) {
  const OneShotServer server(
      identity_, ok(kType + "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"));
  EXPECT_EQ(get(server.port()).value(), "hello");
}

TEST_F(HttpsGet, a_body_cut_short_is_an_error) {
  const OneShotServer server(identity_, ok(kType + "Content-Length: 50\r\n", "hello"));
  const auto got = get(server.port());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::io);
}

TEST_F(HttpsGet, STS_14_pitfall_8_a_redirect_is_not_followed) {
  const OneShotServer server(identity_, "HTTP/1.1 301 Moved\r\nLocation: https://example.com/\r\n" +
                                            kType + "Content-Length: 0\r\n\r\n");
  const auto got = get(server.port());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::io);
  EXPECT_THAT(got.error().detail, HasSubstr("301"));
}

TEST_F(HttpsGet, STS_17_pitfall_11_a_body_over_64_KB_is_refused) {
  const std::string body(64 * 1024 + 1, 'x');
  for (const std::string& headers :
       {kType + "Content-Length: " + std::to_string(body.size()) + "\r\n", kType}) {
    const OneShotServer server(identity_, ok(headers, body));
    const auto got = get(server.port());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::limit) << got.error().detail;
  }
}

TEST_F(HttpsGet, pitfall_11_endless_headers_are_refused) {
  const OneShotServer server(identity_, ok(kType + "X: " + std::string(20'000, 'x') + "\r\n", ""));
  const auto got = get(server.port());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::limit) << got.error().detail;
}

TEST_F(HttpsGet, STS_17_a_server_that_stops_in_the_middle_is_left_at_the_deadline) {
  const OneShotServer server(identity_, ok(kType + "Content-Length: 5\r\n", "hel"),
                             OneShotServer::After::silence);
  const auto got = get(server.port(), milliseconds(300));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::timeout) << got.error().detail;
}

TEST_F(HttpsGet, STS_12_a_certificate_for_another_name_is_refused_by_name_of_the_error) {
  const fakes::Identity other = issue(root_, {.dns_names = {"provider.example"}});
  const OneShotServer server(other, ok(kType, "hello"));
  const auto got = get(server.port());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::sts_certificate);
  EXPECT_THAT(got.error().detail, HasSubstr("ostname mismatch"));
}

TEST_F(HttpsGet, an_address_that_does_not_answer_is_an_error) {
  tcp::acceptor closed(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::uint16_t port = closed.local_endpoint().port();
  closed.close();
  const auto got = get(port);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::io);
  EXPECT_THAT(got.error().detail, HasSubstr("connecting to 127.0.0.1"));
}

// ---- the fetcher: DNS and the guard ----

class Fetcher : public HttpsGet {
 protected:
  Result<std::string> fetch(const char* domain) {
    const auto fetcher = make_https_policy_fetcher(resolver_, *context_, {}, {});
    return run(fetcher->fetch(name(domain)));
  }
  resolver::FakeResolver resolver_;
};

TEST_F(Fetcher, pitfall_10_addresses_that_are_not_public_are_never_dialled) {
  for (const char* address : {"127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0"}) {
    resolver_.forget(kHost);
    resolver_.add_a(kHost, {address});
    const auto got = fetch("example.com");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::address_refused) << address;
    EXPECT_THAT(got.error().detail, HasSubstr(address));
  }
  resolver_.forget(kHost);
  resolver_.add_aaaa(kHost, {"::ffff:10.0.0.1", "fd00::1"});
  EXPECT_EQ(fetch("example.com").error().code, Errc::address_refused);
}

TEST_F(Fetcher, a_policy_host_without_address_is_an_error_that_names_it) {
  resolver_.no_data(kHost, resolver::Security::insecure);
  const auto got = fetch("example.com");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::io);
  EXPECT_EQ(got.error().detail, "policy host mta-sts.example.com: no address");
}

TEST_F(Fetcher, a_failed_lookup_is_passed_on) {
  resolver_.fail(kHost, resolver::FakeResolver::Type::a, Errc::dns_bogus);
  EXPECT_EQ(fetch("example.com").error().code, Errc::dns_bogus);
}

/// Never answers until it is told to.
class SilentResolver final : public resolver::FakeResolver {
 public:
  explicit SilentResolver(const asio::any_io_executor& executor)
      : gate_(executor, SteadyTime::max()) {}
  asio::awaitable<Result<resolver::Answer<IpAddress>>> a(Domain) override {
    co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return fulmar::fail(Errc::dns_timeout, "silent");
  }
  void release() { gate_.cancel(); }

 private:
  asio::steady_timer gate_;
};

TEST_F(Fetcher, redteam_address_lookups_end_by_the_fetch_deadline) {
  SilentResolver silent(io_.get_executor());
  silent.add_aaaa(kHost, {"2001:db8::1"});
  conf::MtaSts config;
  config.fetch_timeout = milliseconds(100);
  const auto fetcher = make_https_policy_fetcher(silent, *context_, config, {});
  auto got = asio::co_spawn(io_, fetcher->fetch(name("example.com")), asio::use_future);
  io_.restart();
  while (got.wait_for(milliseconds(0)) != std::future_status::ready)
    ASSERT_EQ(io_.run_one_for(kPlenty), 1U);
  EXPECT_EQ(got.get().error().code, Errc::timeout);
  silent.release();
  io_.run();
}

TEST_F(Fetcher, a_domain_too_long_for_the_prefix_is_an_error) {
  const std::string label(60, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + label + ".abcdefg";
  EXPECT_FALSE(fetch(longest.c_str()));
}

}  // namespace
}  // namespace fulmar::tls
