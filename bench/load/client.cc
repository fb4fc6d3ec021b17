#include "bench/load/client.h"

#include <fmt/core.h>

#include <array>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fulmar::load {
namespace {

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;

// The end of the first whole reply, or npos. The last line of a reply has a space after its code.
std::size_t reply_end(std::string_view text) {
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find("\r\n", start);
    if (end == std::string_view::npos) return end;
    if (end < start + 4 || text[start + 3] == ' ') return end + 2;
    start = end + 2;
  }
}

template <class Stream>
class Dialogue {
 public:
  explicit Dialogue(Stream& stream) : stream_(stream) {}

  asio::awaitable<void> send(std::string_view text) {
    const auto octets = asio::buffer(text);
    co_await asio::async_write(stream_, octets, use_awaitable);
  }

  /// The next reply, which must start with `digit`.
  asio::awaitable<std::string> expect(char digit) {
    std::size_t end = reply_end(received_);
    while (end == std::string::npos) {
      const std::size_t count =
          co_await stream_.async_read_some(asio::buffer(chunk_), use_awaitable);
      received_.append(chunk_.data(), count);
      end = reply_end(received_);
    }
    std::string reply = received_.substr(0, end);
    received_.erase(0, end);
    if (reply.front() != digit) throw std::runtime_error("the server said: " + reply);
    co_return reply;
  }

  asio::awaitable<std::string> ask(std::string_view command, char digit) {
    co_await send(command);
    std::string reply = co_await expect(digit);
    co_return reply;
  }

 private:
  Stream& stream_;
  std::array<char, 4096> chunk_{};
  std::string received_;
};

enum class Pipelining { no, yes };

template <class Stream>
asio::awaitable<void> send_envelope(Dialogue<Stream>& dialogue, std::string_view recipient,
                                    Pipelining pipelining) {
  const std::string mail = "MAIL FROM:<load@source.example>\r\n";
  const std::string rcpt = fmt::format("RCPT TO:<{}>\r\n", recipient);
  const std::string data = "DATA\r\n";
  if (pipelining == Pipelining::yes) {
    co_await dialogue.send(mail + rcpt + data);
    co_await dialogue.expect('2');
    co_await dialogue.expect('2');
    co_await dialogue.expect('3');
  } else {
    co_await dialogue.ask(mail, '2');
    co_await dialogue.ask(rcpt, '2');
    co_await dialogue.ask(data, '3');
  }
}

/// Message `number` is due at a moment of its own, so that a server that was slow is asked to catch
/// up.
asio::awaitable<void> await_turn(const Work& work, std::size_t number) {
  if (work.rate <= 0) co_return;
  const std::chrono::duration<double> after(static_cast<double>(number) / work.rate);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(work.begin + std::chrono::duration_cast<Moment::duration>(after));
  co_await timer.async_wait(use_awaitable);
}

template <class Stream>
asio::awaitable<void> send_messages(Dialogue<Stream>& dialogue, Work& work,
                                    std::string capabilities) {
  const auto pipelining =
      capabilities.find("PIPELINING") != std::string::npos ? Pipelining::yes : Pipelining::no;
  std::string text;
  while (work.next < work.messages) {
    const std::size_t number = work.next++;
    const std::string recipient = fmt::format("m{}@d{}.example", number, number % work.domains);
    work.text.write(number, recipient, text);
    co_await await_turn(work, number);
    const Moment offered = std::chrono::steady_clock::now();
    co_await send_envelope(dialogue, recipient, pipelining);
    const Moment handed_over = std::chrono::steady_clock::now();
    co_await dialogue.ask(text, '2');
    work.journal.accepted({offered, handed_over, std::chrono::steady_clock::now()});
  }
  co_await dialogue.ask("QUIT\r\n", '2');
}

constexpr std::string_view kEhlo = "EHLO source.example\r\n";

asio::awaitable<void> send_under_tls(tcp::socket& socket, Work& work) {
  asio::ssl::stream<tcp::socket&> tls(socket, *work.tls);
  co_await tls.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  Dialogue<asio::ssl::stream<tcp::socket&>> dialogue(tls);
  std::string capabilities = co_await dialogue.ask(kEhlo, '2');
  co_await send_messages(dialogue, work, std::move(capabilities));
}

}  // namespace

asio::awaitable<void> run_client(Work& work) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(work.server, use_awaitable);
  socket.set_option(tcp::no_delay(true));
  Dialogue<tcp::socket> dialogue(socket);
  co_await dialogue.expect('2');
  std::string capabilities = co_await dialogue.ask(kEhlo, '2');
  if (work.tls == nullptr) {
    co_await send_messages(dialogue, work, std::move(capabilities));
    co_return;
  }
  co_await dialogue.ask("STARTTLS\r\n", '2');
  co_await send_under_tls(socket, work);
}

}  // namespace fulmar::load
