// A blocking client for tests. Nothing blocks longer than ten seconds.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mta/net/endpoint.h"

namespace fulmar::intake {

class SmtpClient {
 public:
  explicit SmtpClient(const Endpoint& server) {
    boost::system::error_code ec;
    socket_->connect(net::to_asio(server), ec);
    EXPECT_FALSE(ec) << ec.message();
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  static bool is_refused(const Endpoint& server) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket socket(context);
    boost::system::error_code ec;
    socket.connect(net::to_asio(server), ec);
    return ec == boost::asio::error::connection_refused;
  }

  /// `certificate_and_key`: a PEM file to show; empty: nothing is shown.
  void start_tls(const std::string& certificate_and_key = "") {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!certificate_and_key.empty()) {
      const char* file = certificate_and_key.c_str();
      ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(), file), 1);
      ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), file, SSL_FILETYPE_PEM), 1);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd());
    ASSERT_EQ(SSL_connect(ssl_.get()), 1);
  }

  /// In DER. REQUIRES: under TLS.
  std::string peer_certificate() {
    unsigned char* der = nullptr;
    const int size = i2d_X509(SSL_get0_peer_certificate(ssl_.get()), &der);
    std::string octets(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return octets;
  }

  /// What cannot be sent because the server has hung up is what the server did not want to hear.
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// One whole reply; shorter when the server hangs up.
  std::string reply() {
    std::size_t line = 0;
    for (;;) {
      const auto end = buffer_.find("\r\n", line);
      if (end == std::string::npos) {
        if (!receive()) return std::exchange(buffer_, {});
        continue;
      }
      const bool last = end - line < 4 || buffer_[line + 3] == ' ';
      line = end + 2;
      if (!last) continue;
      const std::string whole = buffer_.substr(0, line);
      buffer_.erase(0, line);
      return whole;
    }
  }
  std::string say(std::string_view bytes) {
    send(bytes);
    return reply();
  }
  /// Everything until the server hangs up.
  std::string rest() {
    while (receive()) {
    }
    return std::exchange(buffer_, {});
  }
  /// The server has hung up and said nothing more.
  bool is_closed() { return rest().empty(); }

  bool has_octets_within(std::chrono::milliseconds limit) {
    pollfd wanted{.fd = fd(), .events = POLLIN, .revents = 0};
    return poll(&wanted, 1, static_cast<int>(limit.count())) > 0;
  }

 private:
  int fd() { return socket_->native_handle(); }
  bool receive() {
    std::array<char, 4096> octets{};
    const auto count = ssl_ ? SSL_read(ssl_.get(), octets.data(), octets.size())
                            : recv(fd(), octets.data(), octets.size(), 0);
    const bool in_time = count >= 0 || ssl_ || (errno != EAGAIN && errno != EWOULDBLOCK);
    EXPECT_TRUE(in_time) << "the server says nothing and does not hang up";
    if (count <= 0) return false;
    buffer_.append(octets.data(), static_cast<std::size_t>(count));
    return true;
  }

  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<boost::asio::io_context> io_ = std::make_unique<boost::asio::io_context>();
  std::unique_ptr<boost::asio::ip::tcp::socket> socket_ =
      std::make_unique<boost::asio::ip::tcp::socket>(*io_);
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  std::string buffer_;
};

}  // namespace fulmar::intake
