// A mail host that takes everything at once and keeps nothing. Says "listening", then "complete"
// when as many different messages came as were expected; runs until its standard input ends, and
// then says what it saw as JSON. One thread.
#include <fmt/core.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdio>
#include <memory>

#include "bench/load/delay_line.h"
#include "bench/load/endpoint_argument.h"
#include "bench/load/sink_session.h"

namespace {

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;
using fulmar::load::DelayLine;
using fulmar::load::SinkSession;
using Clock = std::chrono::steady_clock;

constexpr auto kAwait = asio::as_tuple(use_awaitable);
constexpr std::size_t kReadBuffer = 64 * 1024;

struct Options {
  std::string listen;
  std::size_t expect = 0;
  unsigned delay_ms = 0;
  std::string pem;
  bool chunking = false;
};

// Outlives the connections, which end with the io_context.
struct Counts {
  fulmar::load::Tally tally;
  std::size_t connections = 0;
  std::size_t open = 0;
  std::size_t most_open = 0;
  Clock::time_point first;
  Clock::time_point last;
};

class Sink {
 public:
  Sink(asio::io_context& io, const Options& options, Counts& counts)
      : options_(options),
        counts_(counts),
        acceptor_(io, fulmar::load::endpoint_argument(options.listen)) {
    if (options.pem.empty()) return;
    tls_.use_certificate_chain_file(options.pem);
    tls_.use_private_key_file(options.pem, asio::ssl::context::pem);
  }

  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(use_awaitable);
      socket.set_option(tcp::no_delay(true));
      const auto executor = socket.get_executor();
      asio::co_spawn(executor, serve(std::move(socket)), asio::detached);
    }
  }

  void report() const {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    fmt::print(
        R"({{"messages": {}, "duplicates": {}, "under_tls": {}, "octets": {}, "connections": {}, )"
        R"("connections_at_once": {}, "first": {:.6f}, "last": {:.6f}, "cpu_seconds": {:.3f}}})"
        "\n",
        counts_.tally.messages, counts_.tally.duplicates, counts_.tally.under_tls,
        counts_.tally.octets, counts_.connections, counts_.most_open, seconds(counts_.first),
        seconds(counts_.last), cpu);
    std::fflush(stdout);
  }

 private:
  static double seconds(Clock::time_point moment) {
    return std::chrono::duration<double>(moment.time_since_epoch()).count();
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    ++counts_.connections;
    counts_.most_open = std::max(counts_.most_open, ++counts_.open);
    const std::unique_ptr<Counts, void (*)(Counts*)> leave(&counts_,
                                                           [](Counts* counts) { --counts->open; });
    SinkSession session(counts_.tally,
                        {.starttls = !options_.pem.empty(), .chunking = options_.chunking});
    if (options_.delay_ms > 0) {
      co_await serve_late(socket, session);
    } else {
      co_await serve_at_once(socket, session);
    }
  }

  asio::awaitable<void> serve_at_once(tcp::socket& socket, SinkSession& session) {
    co_await asio::async_write(socket, asio::buffer(SinkSession::kGreeting), use_awaitable);
    const SinkSession::Next next = co_await converse(socket, session);
    if (next != SinkSession::Next::start_tls) co_return;
    asio::ssl::stream<tcp::socket&> tls(socket, tls_);
    co_await tls.async_handshake(asio::ssl::stream_base::server, use_awaitable);
    session.tls_started();
    co_await converse(tls, session);
  }

  template <class Stream>
  asio::awaitable<SinkSession::Next> converse(Stream& stream, SinkSession& session) {
    const auto buffer = std::make_unique<std::array<char, kReadBuffer>>();
    std::string replies;
    for (;;) {
      const std::size_t count =
          co_await stream.async_read_some(asio::buffer(*buffer), use_awaitable);
      replies.clear();
      const SinkSession::Next next = take(session, {buffer->data(), count}, replies);
      const auto octets = asio::buffer(replies);
      if (!replies.empty()) co_await asio::async_write(stream, octets, use_awaitable);
      if (next != SinkSession::Next::read) co_return next;
    }
  }

  asio::awaitable<void> serve_late(tcp::socket& socket, SinkSession& session) {
    DelayLine line(socket.get_executor(), std::chrono::milliseconds(options_.delay_ms));
    line.push(std::string(SinkSession::kGreeting));
    // The writer is waited for below, before what it refers to is gone.
    asio::steady_timer written(socket.get_executor(), Clock::time_point::max());
    const auto tell = [&written](const std::exception_ptr&) { written.cancel(); };
    asio::co_spawn(socket.get_executor(), line.run(socket), tell);
    co_await read_late(socket, session, line);
    line.close();
    co_await written.async_wait(kAwait);
  }

  asio::awaitable<void> read_late(tcp::socket& socket, SinkSession& session, DelayLine& line) {
    const auto buffer = std::make_unique<std::array<char, kReadBuffer>>();
    for (;;) {
      const auto [failed, count] = co_await socket.async_read_some(asio::buffer(*buffer), kAwait);
      if (failed) co_return;
      std::string replies;
      const SinkSession::Next next = take(session, {buffer->data(), count}, replies);
      if (!replies.empty()) line.push(std::move(replies));
      if (next != SinkSession::Next::read) co_return;
    }
  }

  SinkSession::Next take(SinkSession& session, std::string_view arrived, std::string& replies) {
    const std::size_t before = counts_.tally.messages;
    const SinkSession::Next next = session.take(arrived, replies);
    if (counts_.tally.messages > before) count_message(before);
    return next;
  }

  void count_message(std::size_t before) {
    counts_.last = Clock::now();
    if (before == 0) counts_.first = counts_.last;
    if (before < options_.expect && counts_.tally.messages >= options_.expect) {
      fmt::print("complete\n");
      std::fflush(stdout);
    }
  }

  const Options& options_;
  Counts& counts_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_;
};

asio::awaitable<void> stop_at_end_of_input(asio::io_context& io) {
  asio::posix::stream_descriptor input(io, ::dup(0));
  std::array<char, 64> ignored{};
  for (;;) {
    const auto [failed, count] = co_await input.async_read_some(asio::buffer(ignored), kAwait);
    if (failed) break;
  }
  io.stop();
}

void receive(const Options& options) {
  Counts counts;
  asio::io_context io(1);
  Sink sink(io, options, counts);
  asio::co_spawn(io, sink.accept(), asio::detached);
  asio::co_spawn(io, stop_at_end_of_input(io), asio::detached);
  fmt::print("listening\n");
  std::fflush(stdout);
  io.run();
  sink.report();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Takes mail and throws it away");
  Options options;
  app.add_option("listen", options.listen, "address:port")->required();
  app.add_option("--expect", options.expect, "say \"complete\" after so many messages");
  app.add_option("--delay", options.delay_ms, "milliseconds that every reply is late, without TLS");
  app.add_option("--tls", options.pem, "offer STARTTLS with this certificate and key")
      ->check(CLI::ExistingFile)
      ->excludes("--delay");
  app.add_flag("--chunking", options.chunking, "offer CHUNKING, and take BDAT");
  CLI11_PARSE(app, argc, argv);
  try {
    receive(options);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "smtp_sink: {}\n", failure.what());
    return 1;
  }
  return 0;
}
