// A Store in memory that keeps the promise of queue/store.h, with switches that make it fail. It
// holds the same rows as the embedded one, written by the same codec, and answers at once on the
// caller's thread.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "queue/codec.h"
#include "queue/edits.h"
#include "queue/recovery.h"
#include "queue/store.h"

namespace fulmar::fakes {

/// Thread-safe.
class MemStore final : public queue::Store {
  template <class T>
  using awaitable = boost::asio::awaitable<T>;

 public:
  // Switches.

  /// The next commit() fails and stores nothing.
  void fail_next_commit(Errc code) { set(fail_next_commit_, code); }
  /// The write that is the `which`-th from now on fails, whether it is to be synced or not.
  void fail_write(std::size_t which, Errc code) {
    const std::lock_guard lock(mutex_);
    writes_until_failure_ = which;
    write_failure_ = code;
  }
  /// Every write fails from now on, until heal().
  void fail_writes(Errc code) { set(fail_writes_, code); }
  void fail_reads(Errc code) { set(fail_reads_, code); }
  void heal() {
    const std::lock_guard lock(mutex_);
    fail_next_commit_ = fail_writes_ = fail_reads_ = std::nullopt;
  }
  void set_free_space(std::uint64_t octets) {
    const std::lock_guard lock(mutex_);
    free_space_ = octets;
  }
  /// What a power cut leaves behind: everything up to the last commit().
  void lose_power() {
    const std::lock_guard lock(mutex_);
    now_ = durable_;
    closed_ = false;
  }
  /// What a new process finds after this one was closed or killed.
  void restart() {
    const std::lock_guard lock(mutex_);
    durable_ = now_;
    closed_ = false;
  }
  /// Puts a row as if it had always been there.
  void put_row(queue::Column column, std::string key, std::string value) {
    const std::lock_guard lock(mutex_);
    rows(durable_, column)[key] = value;
    rows(now_, column)[std::move(key)] = std::move(value);
  }

  // What happened.

  [[nodiscard]] std::size_t row_count(queue::Column column) const {
    const std::lock_guard lock(mutex_);
    return rows(now_, column).size();
  }
  /// commit() calls that succeeded.
  [[nodiscard]] std::size_t commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
  }
  [[nodiscard]] std::size_t chunks_appended() const {
    const std::lock_guard lock(mutex_);
    return chunks_appended_;
  }
  [[nodiscard]] std::size_t relaxed_commits() const {
    const std::lock_guard lock(mutex_);
    return relaxed_commits_;
  }
  /// Of all messages, in order of their ids.
  [[nodiscard]] std::vector<queue::Message> messages() const {
    const std::lock_guard lock(mutex_);
    std::vector<queue::Message> found;
    for (const auto& [_, value] : rows(now_, queue::Column::messages)) {
      if (auto message = queue::decode_message(value)) found.push_back(*std::move(message));
    }
    return found;
  }
  [[nodiscard]] std::vector<queue::Delivery> deliveries() const {
    const std::lock_guard lock(mutex_);
    std::vector<queue::Delivery> found;
    for (const auto& [_, value] : rows(now_, queue::Column::deliveries)) {
      if (auto delivery = queue::decode_delivery(value)) found.push_back(*std::move(delivery));
    }
    return found;
  }
  /// All chunks of a message put together.
  [[nodiscard]] std::string body(const MessageId& id) const {
    const std::lock_guard lock(mutex_);
    std::string octets;
    const auto& bodies = rows(now_, queue::Column::bodies);
    const std::string prefix = queue::message_key(id);
    for (auto row = bodies.lower_bound(prefix); row != bodies.end(); ++row) {
      if (!row->first.starts_with(prefix)) break;
      octets += row->second;
    }
    return octets;
  }

  // Store.

  awaitable<Result<>> commit(queue::Batch batch) override {
    const std::lock_guard lock(mutex_);
    if (const auto code = std::exchange(fail_next_commit_, std::nullopt)) {
      writable_ = false;
      full_ = *code == Errc::store_full;
      co_return fail(*code, "told to fail");
    }
    FULMAR_CO_TRY_VOID(write(queue::to_edits(std::move(batch))));
    durable_ = now_;
    ++commits_;
    co_return Result<>{};
  }
  awaitable<Result<>> commit_relaxed(queue::Batch batch) override {
    const std::lock_guard lock(mutex_);
    FULMAR_CO_TRY_VOID(write(queue::to_edits(std::move(batch))));
    ++relaxed_commits_;
    co_return Result<>{};
  }
  /// At once, or when writing works again.
  void remove_soon(queue::Batch removals, std::move_only_function<void()> removed) override {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      const queue::Edits edits = queue::to_edits(std::move(removals));
      if (!write(edits)) {
        put_off_.emplace_back(edits, std::move(removed));
        return;
      }
    }
    removed();
  }
  awaitable<Result<>> append_chunk(queue::PutChunk chunk) override {
    const std::lock_guard lock(mutex_);
    ++chunks_appended_;
    queue::Batch batch;
    batch.emplace_back(std::move(chunk));
    co_return write(queue::to_edits(std::move(batch)));
  }
  awaitable<Result<>> discard_body(MessageId message, std::uint32_t chunks) override {
    const std::lock_guard lock(mutex_);
    co_return write(queue::discard_edits(message, chunks));
  }

  awaitable<Result<queue::Message>> read_message(MessageId id) override {
    FULMAR_CO_TRY(const std::string value, read(queue::Column::messages, queue::message_key(id)));
    co_return queue::decode_message(value);
  }
  awaitable<Result<std::string>> read_chunk(MessageId id, std::uint32_t index) override {
    co_return read(queue::Column::bodies, queue::chunk_key(id, index));
  }
  awaitable<Result<queue::Delivery>> read_delivery(MessageId id, MailHost destination) override {
    FULMAR_CO_TRY(const std::string value,
                  read(queue::Column::deliveries, queue::delivery_key(id, destination)));
    co_return queue::decode_delivery(value);
  }
  awaitable<Result<std::vector<std::pair<std::string, std::string>>>> read_table(
      std::string_view table) override {
    const std::lock_guard lock(mutex_);
    FULMAR_CO_TRY_VOID(check(fail_reads_));
    std::vector<std::pair<std::string, std::string>> found;
    const std::string prefix = queue::table_prefix(table);
    for (const auto& [key, value] : rows(now_, queue::Column::records)) {
      if (key.starts_with(prefix)) found.emplace_back(key.substr(prefix.size()), value);
    }
    co_return found;
  }
  awaitable<Result<queue::Stored>> read_stored(MessageId id, MailHost destination) override {
    queue::Stored stored;
    FULMAR_CO_TRY(stored.delivery, co_await read_delivery(id, std::move(destination)));
    FULMAR_CO_TRY(stored.message, co_await read_message(id));
    if (stored.message.chunks != 1) co_return stored;
    auto body = co_await read_chunk(id, 0);
    if (body) stored.body = *std::move(body);
    co_return stored;
  }
  awaitable<Result<queue::Recovered>> recover(queue::DeliveryVisitor found) override {
    const std::lock_guard lock(mutex_);
    FULMAR_CO_TRY_VOID(check(fail_reads_));
    co_return recover_rows(std::move(found));
  }

  [[nodiscard]] Result<std::uint64_t> free_space() const override {
    const std::lock_guard lock(mutex_);
    return free_space_;
  }
  [[nodiscard]] bool writable() const override {
    const std::lock_guard lock(mutex_);
    return writable_;
  }
  [[nodiscard]] bool full() const override {
    const std::lock_guard lock(mutex_);
    return full_;
  }
  void close() override {
    const std::lock_guard lock(mutex_);
    durable_ = now_;
    closed_ = true;
  }

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;
  using Spool = std::array<Rows, queue::kColumnNames.size()>;

  static Rows& rows(Spool& spool, queue::Column column) {
    return spool[std::to_underlying(column)];
  }
  static const Rows& rows(const Spool& spool, queue::Column column) {
    return spool[std::to_underlying(column)];
  }

  void set(std::optional<Errc>& which, Errc code) {
    const std::lock_guard lock(mutex_);
    which = code;
  }

  Result<> check(std::optional<Errc> failure) const {
    if (closed_) return fail(Errc::cancelled, "the spool is closed");
    if (failure) return fail(*failure, "told to fail");
    return {};
  }

  void apply(const queue::Edits& edits) {
    for (const queue::Edit& edit : edits) {
      if (edit.value) {
        rows(now_, edit.column)[edit.key] = *edit.value;
      } else {
        rows(now_, edit.column).erase(edit.key);
      }
    }
  }

  Result<> write(const queue::Edits& edits) {
    auto checked = check(fail_writes_);
    if (writes_until_failure_ > 0 && --writes_until_failure_ == 0) {
      checked = fail(write_failure_, "as the test wants it");
    }
    writable_ = checked.has_value();
    full_ = !checked && checked.error().code == Errc::store_full;
    if (!checked) return checked;
    for (auto& [removals, removed] : std::exchange(put_off_, {})) {
      apply(removals);
      removed();
    }
    apply(edits);
    return checked;
  }

  Result<std::string> read(queue::Column column, std::string_view key) const {
    const std::lock_guard lock(mutex_);
    FULMAR_TRY_VOID(check(fail_reads_));
    const auto found = rows(now_, column).find(key);
    if (found == rows(now_, column).end()) {
      return fail(Errc::not_found, "the spool has no such record");
    }
    return found->second;
  }

  queue::Recovered recover_rows(queue::DeliveryVisitor found) {
    queue::RecoveryScan scan(std::move(found));
    for (const auto& [key, value] : rows(now_, queue::Column::messages))
      scan.message(key, value);
    for (const auto& [key, value] : rows(now_, queue::Column::deliveries))
      scan.delivery(key, value);
    for (const auto& [key, _] : rows(now_, queue::Column::meta)) {
      if (key.starts_with(queue::kOpenBodyPrefix)) scan.open_body(key);
    }
    auto findings = std::move(scan).finish();
    for (const MessageId& message : findings.lost_bodies) {
      findings.recovered.orphans_removed += std::erase_if(
          rows(now_, queue::Column::bodies),
          [&](const auto& row) { return row.first.starts_with(queue::message_key(message)); });
    }
    apply(findings.removals);
    return std::move(findings.recovered);
  }

  mutable std::mutex mutex_;
  Spool now_;
  Spool durable_;
  std::optional<Errc> fail_next_commit_;
  std::optional<Errc> fail_writes_;
  std::optional<Errc> fail_reads_;
  std::size_t writes_until_failure_ = 0;  ///< 0: none is to fail.
  Errc write_failure_{};
  std::uint64_t free_space_ = 100'000'000'000;
  std::size_t commits_ = 0;
  std::size_t relaxed_commits_ = 0;
  std::vector<std::pair<queue::Edits, std::move_only_function<void()>>> put_off_;
  std::size_t chunks_appended_ = 0;
  bool writable_ = true;
  bool full_ = false;
  bool closed_ = false;
};

}  // namespace fulmar::fakes
