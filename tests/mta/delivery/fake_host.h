// A mail host on loopback, on the io_context of whoever delivers to it: takes what it is not told
// to refuse, and remembers what it heard.
#pragma once

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace fulmar::delivery {

class FakeHost {
 public:
  explicit FakeHost(boost::asio::io_context& context)
      : acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  /// A keyword of its EHLO reply.
  void offer(std::string keyword) { offers_.push_back(std::move(keyword)); }
  /// The RCPT of this address gets 550.
  void refuse(std::string address) { refused_.insert(std::move(address)); }
  /// The final dot of the next message gets no answer: the connection is closed.
  void break_off_at_dot() { breaks_off_ = true; }
  /// The commands, in their order.
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }

  /// One client after the other; ends with the io_context. *this must outlive that.
  boost::asio::awaitable<void> serve() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
      co_await talk(std::move(socket));
    }
  }

 private:
  using tcp = boost::asio::ip::tcp;
  static constexpr const char* kHangUp = "hang up";

  boost::asio::awaitable<void> talk(tcp::socket socket) {
    constexpr auto kResult = boost::asio::as_tuple(boost::asio::use_awaitable);
    std::string buffer;
    auto received = boost::asio::dynamic_buffer(buffer);
    std::string reply = "220 mx1.b.example\r\n";
    for (;;) {
      const auto written =
          co_await boost::asio::async_write(socket, boost::asio::buffer(reply), kResult);
      if (std::get<0>(written)) co_return;
      const auto read = co_await boost::asio::async_read_until(socket, received, "\r\n", kResult);
      if (std::get<0>(read)) co_return;
      reply = answer(buffer.substr(0, std::get<1>(read) - 2));
      buffer.erase(0, std::get<1>(read));
      if (reply == kHangUp) co_return;
    }
  }

  std::string answer(const std::string& line) {
    if (in_body_) {
      in_body_ = line != ".";
      if (in_body_) return "";
      return std::exchange(breaks_off_, false) ? kHangUp : "250 2.0.0 taken\r\n";
    }
    heard_.push_back(line);
    in_body_ = line == "DATA";
    if (in_body_) return "354 go on\r\n";
    if (line.starts_with("EHLO")) return greet();
    return is_refused(line) ? "550 5.1.1 nobody here\r\n" : "250 ok\r\n";
  }

  [[nodiscard]] std::string greet() const {
    std::string lines = "250-mx1.b.example\r\n";
    for (const std::string& keyword : offers_)
      lines += "250-" + keyword + "\r\n";
    return lines + "250 HELP\r\n";
  }

  [[nodiscard]] bool is_refused(std::string_view line) const {
    return std::ranges::any_of(refused_, [line](const std::string& address) {
      return line.starts_with("RCPT TO:<" + address + '>');
    });
  }

  tcp::acceptor acceptor_;
  std::vector<std::string> offers_;
  std::set<std::string> refused_;
  std::vector<std::string> heard_;
  bool in_body_ = false;
  bool breaks_off_ = false;
};

}  // namespace fulmar::delivery
