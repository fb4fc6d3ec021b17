// What store tests share: a temporary folder, a thread that runs coroutines, and small messages.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <string>
#include <utility>

#include "queue/store.h"

namespace fulmar::queue {

/// In memory where that can be had: these tests simulate crashes, and real syncs would only make
/// them slow.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    const auto parent =
        memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
    std::string name = (parent / "fulmar-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Runs coroutines on the calling thread. Must outlive the stores it is used with.
class Runner {
 public:
  template <class T>
  T operator()(boost::asio::awaitable<T> coroutine) {
    auto result = boost::asio::co_spawn(io_, std::move(coroutine), boost::asio::use_future);
    io_.restart();
    io_.run();
    return result.get();
  }

 private:
  boost::asio::io_context io_;
};

inline MessageId make_id(std::uint32_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  for (int i = 0; i < 4; ++i)
    bytes[8 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return MessageId::from_bytes(bytes);
}

inline const MailHost kHost = Domain::parse("a.example").value();

inline Message make_message(std::uint32_t number, std::uint32_t chunks = 1) {
  Message message;
  message.id = make_id(number);
  message.chunks = chunks;
  message.helo = "client.example";
  return message;
}

inline Delivery make_delivery(std::uint32_t number, const MailHost& host = kHost) {
  Delivery delivery;
  delivery.message = make_id(number);
  delivery.destination = host;
  delivery.recipients.resize(1);
  delivery.recipients[0].address = Mailbox::parse("user@" + to_string(host)).value();
  return delivery;
}

inline std::string make_body(std::uint32_t number) {
  return "body of " + std::to_string(number);
}

/// A message with one chunk and one delivery.
inline Batch make_batch(std::uint32_t number) {
  Batch batch;
  batch.emplace_back(PutMessage{make_message(number)});
  batch.emplace_back(PutChunk{make_id(number), 0, make_body(number)});
  batch.emplace_back(PutDelivery{make_delivery(number)});
  return batch;
}

}  // namespace fulmar::queue
