// A MemStore that writes down, in a journal shared with others, what is stored and in which batch.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/fakes/mem_store.h"

namespace fulmar::delivery {

class RecordingStore final : public queue::Store {
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

 public:
  explicit RecordingStore(std::vector<std::string>& journal) : journal_(journal) {}

  [[nodiscard]] fakes::MemStore& memory() { return memory_; }

  /// Done once, when the next commit() has begun and before anything of it is stored.
  void before_next_commit(std::function<void()> action) { action_ = std::move(action); }

  /// Each is one line of the journal: "commit: remove b.example, remove message".
  awaitable<Result<>> commit(queue::Batch batch) override {
    if (const auto action = std::exchange(action_, nullptr)) action();
    journal_.push_back("commit: " + describe(batch));
    return memory_.commit(std::move(batch));
  }
  awaitable<Result<>> commit_relaxed(queue::Batch batch) override {
    journal_.push_back("relaxed: " + describe(batch));
    return memory_.commit_relaxed(std::move(batch));
  }
  void remove_soon(queue::Batch removals, std::move_only_function<void()> removed) override {
    journal_.push_back("soon: " + describe(removals));
    memory_.remove_soon(std::move(removals), std::move(removed));
  }
  awaitable<Result<>> append_chunk(queue::PutChunk chunk) override {
    return memory_.append_chunk(std::move(chunk));
  }
  awaitable<Result<>> discard_body(MessageId message, std::uint32_t chunks) override {
    return memory_.discard_body(message, chunks);
  }
  awaitable<Result<queue::Message>> read_message(MessageId id) override {
    return memory_.read_message(id);
  }
  awaitable<Result<std::string>> read_chunk(MessageId id, std::uint32_t index) override {
    return memory_.read_chunk(id, index);
  }
  awaitable<Result<queue::Delivery>> read_delivery(MessageId id, MailHost destination) override {
    return memory_.read_delivery(id, std::move(destination));
  }
  awaitable<Result<std::vector<std::pair<std::string, std::string>>>> read_table(
      std::string_view table) override {
    return memory_.read_table(table);
  }
  awaitable<Result<queue::Stored>> read_stored(MessageId id, MailHost destination) override {
    return memory_.read_stored(id, std::move(destination));
  }
  awaitable<Result<queue::Recovered>> recover(queue::DeliveryVisitor found) override {
    return memory_.recover(std::move(found));
  }
  [[nodiscard]] Result<std::uint64_t> free_space() const override { return memory_.free_space(); }
  [[nodiscard]] bool writable() const override { return memory_.writable(); }
  [[nodiscard]] bool full() const override { return memory_.full(); }
  void close() override { memory_.close(); }

 private:
  struct Words {
    std::string operator()(const queue::PutMessage&) const { return "put message"; }
    std::string operator()(const queue::PutChunk&) const { return "put chunk"; }
    std::string operator()(const queue::PutDelivery& put) const {
      return "put " + to_string(put.delivery.destination);
    }
    std::string operator()(const queue::RemoveDelivery& remove) const {
      return "remove " + to_string(remove.destination);
    }
    std::string operator()(const queue::RemoveMessage&) const { return "remove message"; }
    std::string operator()(const queue::PutRecord&) const { return "put record"; }
    std::string operator()(const queue::RemoveRecord&) const { return "remove record"; }
  };
  static std::string describe(const queue::Batch& batch) {
    std::string text;
    for (const queue::Operation& operation : batch)
      text += (text.empty() ? "" : ", ") + std::visit(Words{}, operation);
    return text;
  }

  fakes::MemStore memory_;
  std::vector<std::string>& journal_;
  std::function<void()> action_;
};

}  // namespace fulmar::delivery
