// Streams in clear and under TLS over loopback: every operation ends, and says how.
#include "mta/net/stream.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <filesystem>

#include "tests/fakes/test_ca.h"
#include "tests/mta/net/loopback.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace fulmar::net {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;

/// All bytes until `count` have come, or the stream ends.
asio::awaitable<std::string> read_all(Stream& stream, std::size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    const auto part = co_await stream.read(kLong);
    if (!part) co_return bytes;
    bytes += *part;
  }
  co_return bytes;
}
asio::awaitable<Result<std::string>> read_once(Stream& stream, milliseconds limit) {
  const auto part = co_await stream.read(limit);
  if (!part) co_return fail(part.error());
  co_return std::string(*part);
}
asio::awaitable<void> close_soon(Stream& stream) {
  stream.close();
  co_return;
}

class StreamTest : public Loopback {
 protected:
  StreamTest() { join_streams(); }

  Error failed_read(Stream& stream, milliseconds limit = kLong) {
    auto result = run(read_once(stream, limit));
    EXPECT_FALSE(result.has_value());
    return result ? Error{} : std::move(result).error();
  }
};

TEST_F(StreamTest, carries_bytes_both_ways) {
  ASSERT_TRUE(run(ours_->write("EHLO us\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*theirs_, kLong)).value(), "EHLO us\r\n");
  ASSERT_TRUE(run(theirs_->write("250 hello\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*ours_, kLong)).value(), "250 hello\r\n");
  EXPECT_EQ(ours_->ssl(), nullptr);
}

TEST_F(StreamTest, writes_all_of_a_large_buffer) {
  const std::string large(8'000'000, 'x');
  auto written = start(ours_->write(large, kLong));
  auto received = start(read_all(*theirs_, large.size()));
  run_all();
  EXPECT_TRUE(written.get().has_value());
  EXPECT_TRUE(received.get() == large);
}

TEST_F(StreamTest, one_read_is_bounded) {
  const std::string large(1'000'000, 'x');
  auto written = start(ours_->write(large, kLong));
  auto first = start(read_once(*theirs_, kLong));
  context_.restart();
  while (first.wait_for(milliseconds(0)) != std::future_status::ready)
    context_.run_one();
  EXPECT_LE(first.get().value().size(), 64U * 1024);
  theirs_->close();
  run_all();
  static_cast<void>(written.get());
}

TEST_F(StreamTest, what_the_other_side_closes_is_lost) {
  theirs_->close();
  const Error failure = failed_read(*ours_);
  EXPECT_EQ(failure.code, Errc::connection_lost);
  EXPECT_THAT(failure.detail, HasSubstr("closed"));
}

TEST_F(StreamTest, a_reset_is_lost_too) {
  ASSERT_TRUE(run(ours_->write("never read", kLong)).has_value());
  theirs_.reset();  // closing with unread octets resets
  EXPECT_EQ(failed_read(*ours_).code, Errc::connection_lost);
}

TEST_F(StreamTest, destruction_closes_at_once) {
  theirs_.reset();
  EXPECT_EQ(failed_read(*ours_).code, Errc::connection_lost);
}

TEST_F(StreamTest, a_read_that_gets_nothing_times_out_and_closes) {
  EXPECT_EQ(failed_read(*ours_, kShort).code, Errc::timeout);
  EXPECT_EQ(failed_read(*theirs_).code, Errc::connection_lost);
}

TEST_F(StreamTest, a_write_that_nobody_reads_times_out) {
  const std::string large(64'000'000, 'x');
  const auto written = run(ours_->write(large, kShort));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Errc::timeout);
}

TEST_F(StreamTest, each_operation_has_its_own_deadline) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(run(ours_->write("x", kShort)).has_value());
    ASSERT_TRUE(run(read_once(*theirs_, kShort)).has_value());
  }
  // The deadlines above have passed by now, and closed nothing.
  EXPECT_EQ(failed_read(*theirs_, kShort * 2).code, Errc::timeout);
  EXPECT_EQ(failed_read(*ours_, kLong).code, Errc::connection_lost);
}

TEST_F(StreamTest, close_while_reading_is_cancelled) {
  auto reading = start(read_once(*ours_, kLong));
  auto closing = start(close_soon(*ours_));
  run_all();
  closing.get();
  const auto result = reading.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
}

TEST_F(StreamTest, close_while_writing_is_cancelled) {
  const std::string large(64'000'000, 'x');
  auto writing = start(ours_->write(large, kLong));
  auto closing = start(close_soon(*ours_));
  run_all();
  closing.get();
  const auto result = writing.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
}

TEST_F(StreamTest, close_may_be_called_twice) {
  ours_->close();
  ours_->close();
  EXPECT_FALSE(run(read_once(*ours_, kLong)).has_value());
}

TEST_F(StreamTest, moves_with_its_connection) {
  Stream moved = *std::move(ours_);
  ASSERT_TRUE(run(theirs_->write("still here", kLong)).has_value());
  EXPECT_EQ(run(read_once(moved, kLong)).value(), "still here");
}

TEST_F(StreamTest, shut_down_in_clear_just_closes) {
  run(ours_->shut_down(kLong));
  EXPECT_EQ(failed_read(*theirs_).code, Errc::connection_lost);
}

// TLS.

class TlsStreamTest : public StreamTest {
 protected:
  TlsStreamTest() {
    const auto folder =
        std::filesystem::temp_directory_path() / ("fulmar-stream-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const fakes::Identity root = fakes::make_root();
    const fakes::Identity leaf =
        fakes::issue(root, {.common_name = "mx1.b.example", .dns_names = {"mx1.b.example"}});
    fakes::write_pem(folder / "ca.pem", root.certificate_pem());
    fakes::write_pem(folder / "cert.pem", leaf.certificate_pem());
    fakes::write_pem(folder / "key.pem", leaf.key_pem());
    conf::Tls settings;
    settings.ca_file = folder / "ca.pem";
    client_ = tls::ClientContext::create(settings).value();
    server_ = tls::ServerContext::create(folder / "cert.pem", folder / "key.pem", "").value();
    std::filesystem::remove_all(folder);
  }

  tls::SslPtr client_session() {
    tls::TlsDecision decision;
    decision.host = decision.sni = Domain::parse("mx1.b.example").value();
    return client_->new_smtp_session(decision).value();
  }
  tls::SslPtr server_session() { return server_->new_session().value(); }

  void shake_hands() {
    auto ours = start(ours_->handshake_client(client_session(), kLong));
    auto theirs = start(theirs_->handshake_server(server_session(), kLong));
    run_all();
    ASSERT_TRUE(ours.get().has_value());
    ASSERT_TRUE(theirs.get().has_value());
  }

  std::unique_ptr<tls::ClientContext> client_;
  std::unique_ptr<tls::ServerContext> server_;
};

TEST_F(TlsStreamTest, carries_bytes_both_ways_encrypted) {
  shake_hands();
  ASSERT_NE(ours_->ssl(), nullptr);
  ASSERT_NE(theirs_->ssl(), nullptr);
  EXPECT_STREQ(SSL_get_version(ours_->ssl()), SSL_get_version(theirs_->ssl()));
  EXPECT_STREQ(SSL_get_servername(theirs_->ssl(), TLSEXT_NAMETYPE_host_name), "mx1.b.example");
  ASSERT_TRUE(run(ours_->write("EHLO us\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*theirs_, kLong)).value(), "EHLO us\r\n");
  ASSERT_TRUE(run(theirs_->write("250 hello\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*ours_, kLong)).value(), "250 hello\r\n");
}

TEST_F(TlsStreamTest, redteam_25_a_record_that_came_along_with_the_one_that_was_read_is_noticed) {
  shake_hands();
  ASSERT_TRUE(run(theirs_->write("250 queued\r\n", kLong)).has_value());
  ASSERT_TRUE(run(theirs_->write("500 what?\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*ours_, kLong)).value(), "250 queued\r\n");
  EXPECT_FALSE(ours_->is_quiet());
  EXPECT_EQ(run(read_once(*ours_, kLong)).value(), "500 what?\r\n");
  EXPECT_TRUE(ours_->is_quiet());
}

TEST_F(TlsStreamTest, begins_after_clear_text) {
  ASSERT_TRUE(run(ours_->write("STARTTLS\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*theirs_, kLong)).value(), "STARTTLS\r\n");
  shake_hands();
  ASSERT_TRUE(run(ours_->write("EHLO again\r\n", kLong)).has_value());
  EXPECT_EQ(run(read_once(*theirs_, kLong)).value(), "EHLO again\r\n");
}

TEST_F(TlsStreamTest, carries_much) {
  shake_hands();
  const std::string large(2'000'000, 'x');
  auto written = start(ours_->write(large, kLong));
  auto received = start(read_all(*theirs_, large.size()));
  run_all();
  EXPECT_TRUE(written.get().has_value());
  EXPECT_TRUE(received.get() == large);
}

TEST_F(TlsStreamTest, a_peer_that_does_not_speak_tls_fails_the_handshake) {
  auto shaken = start(ours_->handshake_client(client_session(), kLong));
  auto written = start(theirs_->write("220 I do not know what you mean\r\n", kLong));
  run_all();
  const auto result = shaken.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::tls_handshake);
  EXPECT_FALSE(result.error().detail.empty());
  EXPECT_THAT(result.error().detail, ::testing::Not(HasSubstr("asio.ssl")));
  EXPECT_TRUE(written.get().has_value());
}

TEST_F(TlsStreamTest, a_client_that_does_not_speak_tls_fails_the_servers_handshake) {
  auto shaken = start(theirs_->handshake_server(server_session(), kLong));
  auto written = start(ours_->write("EHLO in clear\r\n", kLong));
  run_all();
  const auto result = shaken.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::tls_handshake);
}

TEST_F(TlsStreamTest, redteam_6_a_peer_that_hangs_up_is_no_failed_handshake_but_a_lost_connection) {
  auto shaken = start(ours_->handshake_client(client_session(), kLong));
  auto closing = start(close_soon(*theirs_));
  run_all();
  const auto result = shaken.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::connection_lost);
}

TEST_F(TlsStreamTest, a_silent_peer_times_the_handshake_out) {
  const auto result = run(ours_->handshake_client(client_session(), kShort));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::timeout);
}

TEST_F(TlsStreamTest, close_during_the_handshake_is_cancelled) {
  auto shaken = start(ours_->handshake_client(client_session(), kLong));
  auto closing = start(close_soon(*ours_));
  run_all();
  const auto result = shaken.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
}

TEST_F(TlsStreamTest, a_connection_cut_without_close_notify_is_lost) {
  shake_hands();
  theirs_->close();
  const Error failure = failed_read(*ours_);
  EXPECT_EQ(failure.code, Errc::connection_lost);
  EXPECT_THAT(failure.detail, HasSubstr("closed"));
}

TEST_F(TlsStreamTest, close_while_reading_is_cancelled) {
  shake_hands();
  auto reading = start(read_once(*ours_, kLong));
  auto closing = start(close_soon(*ours_));
  run_all();
  const auto result = reading.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
}

TEST_F(TlsStreamTest, a_read_that_gets_nothing_times_out) {
  shake_hands();
  EXPECT_EQ(failed_read(*ours_, kShort).code, Errc::timeout);
}

TEST_F(TlsStreamTest, shut_down_says_close_notify) {
  shake_hands();
  auto closing = start(ours_->shut_down(kShort));
  auto reading = start(read_once(*theirs_, kLong));
  run_all();
  closing.get();
  const auto result = reading.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::connection_lost);
  EXPECT_NE(SSL_get_shutdown(theirs_->ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsStreamTest, pitfall_62_shut_down_does_not_wait_for_a_peer_that_never_answers) {
  shake_hands();
  const auto began = std::chrono::steady_clock::now();
  run(ours_->shut_down(kShort));
  EXPECT_LT(std::chrono::steady_clock::now() - began, kLong / 2);
  EXPECT_FALSE(run(read_once(*ours_, kLong)).has_value());
}

TEST_F(TlsStreamTest, pitfall_62_shut_down_after_the_peer_has_gone_ends) {
  shake_hands();
  theirs_.reset();
  run(ours_->shut_down(kLong));
  EXPECT_FALSE(run(read_once(*ours_, kLong)).has_value());
}

}  // namespace
}  // namespace fulmar::net
