// Sends messages over a number of long connections as fast as the server takes them, and says how
// it went as JSON on standard output. One thread.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>

#include "bench/load/client.h"
#include "bench/load/endpoint_argument.h"
#include "bench/load/journal.h"
#include "bench/load/message_text.h"

namespace {

namespace asio = boost::asio;
using fulmar::load::Journal;
using fulmar::load::MessageText;
using fulmar::load::Work;

struct Options {
  std::string server;
  std::size_t clients = 20;
  std::size_t messages = 1000;
  std::size_t size = 10'000;
  std::size_t domains = 1;
  bool tls = false;
  double rate = 0;
  unsigned every = 0;
  unsigned seconds = 600;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("server", options.server, "address:port")->required();
  app.add_option("--clients", options.clients, "connections")->check(CLI::PositiveNumber);
  app.add_option("--messages", options.messages, "in all")->check(CLI::PositiveNumber);
  app.add_option("--size", options.size, "octets of a message");
  app.add_option("--domains", options.domains, "of recipients")->check(CLI::PositiveNumber);
  app.add_flag("--tls", options.tls, "STARTTLS; certificates are not verified");
  app.add_option("--rate", options.rate, "messages a second at most");
  app.add_option("--every", options.every, "seconds between lines that tell how it goes");
  app.add_option("--seconds", options.seconds, "give up after these");
}

int send(const Options& options) {
  const MessageText text(options.size);
  Journal journal(options.messages, std::chrono::seconds(options.every));
  asio::ssl::context tls(asio::ssl::context::tls_client);
  Work work{.server = fulmar::load::endpoint_argument(options.server),
            .tls = options.tls ? &tls : nullptr,
            .messages = options.messages,
            .domains = options.domains,
            .rate = options.rate,
            .text = text,
            .journal = journal};
  asio::io_context io(1);
  const auto rethrow = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  for (std::size_t client = 0; client < options.clients; ++client) {
    asio::co_spawn(io, fulmar::load::run_client(work), rethrow);
  }
  io.run_for(std::chrono::seconds(options.seconds));
  if (journal.count() < options.messages) {
    fmt::print(stderr, "smtp_source: {} of {} messages were accepted in {} s\n", journal.count(),
               options.messages, options.seconds);
    return 1;
  }
  fmt::print("{}\n", journal.to_json());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sends mail as fast as a server takes it");
  Options options;
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return send(options);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "smtp_source: {}\n", failure.what());
    return 1;
  }
}
