// Fills a spool with messages that were tried once and wait for an hour: usage: spool_fill
// STATE_DIR MESSAGES. For scripts/bench-start, which measures how long a start takes on it.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "queue/rocksdb_store.h"

namespace fulmar::queue {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kDomains = 1000;
constexpr std::uint64_t kMessagesInCommit = 500;

/// Sizes are those of ordinary mail: 800 octets of header, 900 of a decision record.
class Filler {
 public:
  explicit Filler(Store& store) : store_(store), random_(make_system_random()) {}

  asio::awaitable<Result<>> fill(std::uint64_t messages) {
    for (std::uint64_t done = 0; done < messages;) {
      Batch batch;
      for (std::uint64_t i = 0; i < kMessagesInCommit && done < messages; ++i, ++done)
        add(batch, done);
      auto stored = co_await store_.commit_relaxed(std::move(batch));
      if (!stored) co_return stored;
    }
    Batch nothing;
    co_return co_await store_.commit(std::move(nothing));
  }

 private:
  void add(Batch& batch, std::uint64_t number) {
    const UtcTime now = clock_.utc_now();
    const std::string to =
        "user-" + std::to_string(number) + "@d" + std::to_string(number % kDomains) + ".example";
    Message message{.id = MessageId::make(now, *random_),
                    .sender = Mailbox::parse("sender@customer.example").value(),
                    .arrived = now,
                    .size = 1000,
                    .chunks = 1,
                    .client = "app.example[192.0.2.9]",
                    .helo = "app.example",
                    .header = std::string(800, 'h')};
    Delivery delivery{.message = message.id,
                      .destination = Mailbox::parse(to).value().host,
                      .arrived = now,
                      .next_attempt = now + std::chrono::hours(1),
                      .attempts = 1};
    Recipient& recipient = delivery.recipients.emplace_back();
    recipient.address = Mailbox::parse(to).value();
    recipient.last_failure = make_error(Errc::connect_failed, std::string(100, 'w'));
    delivery.history.push_back({.at = now, .decision = '"' + std::string(900, 'd') + '"'});
    batch.emplace_back(PutChunk{message.id, 0, std::string(1000, 'b')});
    batch.emplace_back(PutMessage{std::move(message)});
    batch.emplace_back(PutDelivery{std::move(delivery)});
  }

  Store& store_;
  SystemClock clock_;
  std::unique_ptr<Random> random_;
};

int run(const std::string& folder, std::uint64_t messages) {
  Metrics metrics;
  auto store = open_rocksdb_store(folder, metrics);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().detail.c_str());
    return 1;
  }
  asio::io_context io;
  auto work = asio::make_work_guard(io);
  Filler filler(**store);
  Result<> filled;
  asio::co_spawn(io, filler.fill(messages), [&](std::exception_ptr thrown, Result<> result) {
    if (thrown) std::rethrow_exception(thrown);
    filled = std::move(result);
    work.reset();
  });
  io.run();
  (*store)->close();
  if (!filled) std::fprintf(stderr, "%s\n", filled.error().detail.c_str());
  return filled ? 0 : 1;
}

}  // namespace
}  // namespace fulmar::queue

int main(int count, char** words) {
  std::uint64_t messages = 0;
  const std::string number = count == 3 ? words[2] : "";
  const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), messages);
  if (ec != std::errc{} || messages == 0 || *end != '\0') {
    std::fprintf(stderr, "usage: spool_fill STATE_DIR MESSAGES\n");
    return 64;
  }
  return fulmar::queue::run(words[1], messages);
}
