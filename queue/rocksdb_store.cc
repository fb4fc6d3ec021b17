#include "queue/rocksdb_store.h"

#include <rocksdb/env.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <iterator>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "queue/codec.h"
#include "queue/edits.h"
#include "queue/recovery.h"
#include "queue/rocksdb_database.h"
#include "queue/rocksdb_store_internal.h"

namespace fulmar::queue {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr std::size_t kReaderThreads = 2;
constexpr std::uint64_t kRoomToOpen = 256UL << 20;
constexpr std::size_t kRemovalsPerWrite = 1'000;

template <class T>
using Done = std::move_only_function<void(Result<T>)>;

/// A function that may be called on any thread and resumes `handler` on its own executor, which is
/// kept from running out of work until then.
template <class T, class Handler>
Done<T> resume_on_own_executor(Handler handler) {
  auto work = asio::make_work_guard(asio::get_associated_executor(handler));
  return [handler = std::move(handler), work = std::move(work)](Result<T> result) mutable {
    auto executor = work.get_executor();
    auto resume = [handler = std::move(handler), work = std::move(work),
                   result = std::move(result)]() mutable { std::move(handler)(std::move(result)); };
    asio::post(executor, std::move(resume));
  };
}

/// Awaits `start(done)`, where `done` may be called from any thread.
template <class T, class Start>
awaitable<Result<T>> await_done(Start start) {
  auto initiation = [](auto handler, Start begin) {
    begin(resume_on_own_executor<T>(std::move(handler)));
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(
      initiation, asio::use_awaitable, std::move(start));
}

class RocksDbStore final : public Store {
 public:
  RocksDbStore(std::string folder, std::unique_ptr<RocksDatabase> database, GroupLimits limits,
               Metrics& metrics)
      : folder_(std::move(folder)),
        database_(std::move(database)),
        metrics_(metrics),
        readers_(kReaderThreads),
        writer_([this](std::span<const PendingWrite> group) { return apply(group); }, limits) {}
  ~RocksDbStore() override { close(); }

  awaitable<Result<>> commit(Batch batch) override {
    return write(to_edits(std::move(batch)), Durability::synced);
  }
  awaitable<Result<>> commit_relaxed(Batch batch) override {
    return write(to_edits(std::move(batch)), Durability::relaxed);
  }
  void remove_soon(Batch removals, std::move_only_function<void()> removed) override {
    writer_.submit({.edits = to_edits(std::move(removals)),
                    .durability = Durability::relaxed,
                    .done =
                        [removed = std::move(removed)](const Result<>& result) mutable {
                          if (result) removed();
                        },
                    .hurry = Hurry::none});
  }
  awaitable<Result<>> append_chunk(PutChunk chunk) override {
    Batch batch;
    batch.emplace_back(std::move(chunk));
    return write(to_edits(std::move(batch)), Durability::relaxed);
  }
  awaitable<Result<>> discard_body(MessageId message, std::uint32_t chunks) override {
    return write(discard_edits(message, chunks), Durability::relaxed);
  }

  awaitable<Result<Message>> read_message(MessageId id) override;
  awaitable<Result<std::string>> read_chunk(MessageId id, std::uint32_t index) override;
  awaitable<Result<Delivery>> read_delivery(MessageId id, MailHost destination) override;
  awaitable<Result<std::vector<std::pair<std::string, std::string>>>> read_table(
      std::string_view table) override;
  awaitable<Result<Stored>> read_stored(MessageId id, MailHost destination) override;
  awaitable<Result<Recovered>> recover(DeliveryVisitor found) override;

  [[nodiscard]] Result<std::uint64_t> free_space() const override;
  [[nodiscard]] bool writable() const override { return writable_; }
  [[nodiscard]] bool full() const override { return full_; }
  void close() override;

 private:
  awaitable<Result<>> write(Edits edits, Durability durability);
  template <class T, class Read>
  awaitable<Result<T>> read(Read job);

  // On the writer's thread.
  Result<> apply(std::span<const PendingWrite> group);
  Result<> settle();
  Result<> restore();
  Result<> get_going();
  void note_failure(const Error& error);
  void note_success();

  // On a reader's thread.
  Result<Recovered> recover_now(DeliveryVisitor found);
  Result<> remove(Edits& removals);
  Result<std::uint64_t> remove_body(const MessageId& message);

  const std::string folder_;
  const std::unique_ptr<RocksDatabase> database_;
  Metrics& metrics_;
  std::atomic<bool> writable_{true};
  std::atomic<bool> full_{false};
  unsigned failures_ = 0;  ///< Failed writes since the last good one; the writer's thread only.
  Edits undo_;             ///< What a failed write may have left behind; the writer's thread only.

  std::mutex mutex_;
  bool closed_ = false;
  asio::thread_pool readers_;
  GroupWriter writer_;  // last: its thread uses the others
};

awaitable<Result<>> RocksDbStore::write(Edits edits, Durability durability) {
  auto start = [this, edits = std::move(edits), durability](Done<void> done) mutable {
    writer_.submit({std::move(edits), durability, std::move(done)});
  };
  return await_done<void>(std::move(start));
}

template <class T, class Read>
awaitable<Result<T>> RocksDbStore::read(Read job) {
  auto start = [this, job = std::move(job)](Done<T> done) mutable {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      done(fail(Errc::cancelled, "the spool is closed"));
      return;
    }
    asio::post(readers_, [job = std::move(job), done = std::move(done)]() mutable {
      Result<T> result = fail(Errc::internal, "");
      try {
        result = job();
      } catch (const std::exception& error) {
        result = fail(Errc::store_failed, std::string("the storage engine threw: ") + error.what());
      }
      done(std::move(result));
    });
  };
  return await_done<T>(std::move(start));
}

awaitable<Result<Message>> RocksDbStore::read_message(MessageId id) {
  return read<Message>([this, id]() -> Result<Message> {
    FULMAR_TRY(const std::string value, database_->read(Column::messages, message_key(id)));
    return decode_message(value);
  });
}

awaitable<Result<std::string>> RocksDbStore::read_chunk(MessageId id, std::uint32_t index) {
  return read<std::string>(
      [this, id, index] { return database_->read(Column::bodies, chunk_key(id, index)); });
}

awaitable<Result<Delivery>> RocksDbStore::read_delivery(MessageId id, MailHost destination) {
  return read<Delivery>([this, key = delivery_key(id, destination)]() -> Result<Delivery> {
    FULMAR_TRY(const std::string value, database_->read(Column::deliveries, key));
    return decode_delivery(value);
  });
}

awaitable<Result<std::vector<std::pair<std::string, std::string>>>> RocksDbStore::read_table(
    std::string_view table) {
  using Rows = std::vector<std::pair<std::string, std::string>>;
  return read<Rows>([this, prefix = table_prefix(table)]() -> Result<Rows> {
    Rows rows;
    const auto collect = [&](std::string_view key, std::string_view value) {
      rows.emplace_back(key.substr(prefix.size()), value);
    };
    FULMAR_TRY_VOID(database_->scan(Column::records, prefix, collect));
    return rows;
  });
}

awaitable<Result<Stored>> RocksDbStore::read_stored(MessageId id, MailHost destination) {
  return read<Stored>([this, id, destination = std::move(destination)]() -> Result<Stored> {
    const std::string key = delivery_key(id, destination);
    FULMAR_TRY(const std::string delivery, database_->read(Column::deliveries, key));
    FULMAR_TRY(const std::string message, database_->read(Column::messages, message_key(id)));
    Stored stored;
    FULMAR_TRY(stored.delivery, decode_delivery(delivery));
    FULMAR_TRY(stored.message, decode_message(message));
    if (stored.message.chunks != 1) return stored;
    auto body = database_->read(Column::bodies, chunk_key(id, 0));
    if (body) stored.body = *std::move(body);
    return stored;
  });
}

awaitable<Result<Recovered>> RocksDbStore::recover(DeliveryVisitor found) {
  return read<Recovered>(
      [this, found = std::move(found)]() mutable { return recover_now(std::move(found)); });
}

Result<Recovered> RocksDbStore::recover_now(DeliveryVisitor found) {
  RecoveryScan scan(std::move(found));
  FULMAR_TRY_VOID(database_->scan(Column::messages, "",
                                  [&](auto key, auto value) { scan.message(key, value); }));
  FULMAR_TRY_VOID(database_->scan(Column::deliveries, "",
                                  [&](auto key, auto value) { scan.delivery(key, value); }));
  FULMAR_TRY_VOID(
      database_->scan(Column::meta, kOpenBodyPrefix, [&](auto key, auto) { scan.open_body(key); }));
  auto findings = std::move(scan).finish();
  for (const MessageId& message : findings.lost_bodies) {
    FULMAR_TRY(const std::uint64_t chunks, remove_body(message));
    findings.recovered.orphans_removed += chunks;
  }
  FULMAR_TRY_VOID(remove(findings.removals));
  return std::move(findings.recovered);
}

Result<std::uint64_t> RocksDbStore::remove_body(const MessageId& message) {
  Edits removals;
  FULMAR_TRY_VOID(database_->scan(Column::bodies, message_key(message), [&](auto key, auto) {
    removals.push_back({Column::bodies, std::string(key), std::nullopt});
  }));
  const std::uint64_t count = removals.size();
  FULMAR_TRY_VOID(remove(removals));
  return count;
}

Result<> RocksDbStore::remove(Edits& removals) {
  for (std::size_t first = 0; first < removals.size(); first += kRemovalsPerWrite) {
    const std::size_t last = std::min(removals.size(), first + kRemovalsPerWrite);
    const Edits part(std::make_move_iterator(removals.begin() + static_cast<std::ptrdiff_t>(first)),
                     std::make_move_iterator(removals.begin() + static_cast<std::ptrdiff_t>(last)));
    const Edits* const parts[] = {&part};
    auto written = database_->write(parts, Durability::relaxed);
    // A compaction that began with the start may have found a damaged table.
    if (!written && database_->damaged()) {
      FULMAR_TRY_VOID(database_->reopen());
      written = database_->write(parts, Durability::relaxed);
    }
    FULMAR_TRY_VOID(std::move(written));
  }
  return {};
}

Result<> RocksDbStore::apply(std::span<const PendingWrite> group) {
  if (failures_ > 0) {
    if (auto restored = restore(); !restored) {
      note_failure(restored.error());
      return restored;
    }
    note_success();
  }
  if (group.empty()) return settle();
  std::vector<const Edits*> parts;
  auto durability = Durability::relaxed;
  for (const PendingWrite& write : group) {
    parts.push_back(&write.edits);
    if (write.durability == Durability::synced) durability = Durability::synced;
  }
  auto written = database_->write(parts, durability);
  if (!written) {
    note_failure(written.error());
    for (const Edits* edits : parts) {
      auto undo = undo_edits(*edits);
      std::ranges::move(undo, std::back_inserter(undo_));
    }
  }
  return written;
}

Result<> RocksDbStore::settle() {
  auto settled = database_->give_back_logs();
  if (!settled) note_failure(settled.error());
  return settled;
}

// Nothing of a group is tried before this has succeeded, so the undo list holds one group at most.
Result<> RocksDbStore::restore() {
  FULMAR_TRY_VOID(get_going());
  const Edits probe = {{Column::meta, "probe", ""}};
  const Edits* const parts[] = {&undo_, &probe};
  FULMAR_TRY_VOID(database_->write(parts, Durability::synced));
  undo_.clear();
  return {};
}

Result<> RocksDbStore::get_going() {
  // Resuming comes first, since it keeps what is in memory. It may fail, or say that it did not and
  // be wrong.
  auto resumed = database_->resume();
  if (resumed && failures_ == 1) return {};
  // Opening writes files. Without room for them the database would stay closed, and deliveries
  // could not go on.
  const auto room = free_space();
  if (room && *room < kRoomToOpen) return resumed;
  return database_->reopen();
}

void RocksDbStore::note_failure(const Error& error) {
  metrics_.store_errors.add();
  full_ = error.code == Errc::store_full;
  if (writable_.exchange(false)) {
    log_error("the spool cannot be written", {{"folder", folder_}, {"error", to_string(error)}});
  }
  ++failures_;
}

void RocksDbStore::note_success() {
  failures_ = 0;
  if (!writable_.exchange(true)) log_info("the spool can be written again", {{"folder", folder_}});
}

Result<std::uint64_t> RocksDbStore::free_space() const {
  struct statvfs room {};
  if (::statvfs(folder_.c_str(), &room) != 0) {
    return fail(Errc::io, folder_ + ": " + std::generic_category().message(errno));
  }
  return static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize;
}

void RocksDbStore::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  writer_.close();
  readers_.join();
  database_->close();
}

/// Makes the folder, readable for nobody else: it holds other people's mail.
Result<> make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) return {};
  return fail(Errc::io, "cannot make " + folder + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& state_dir, Metrics& metrics,
                                                  GroupLimits limits, rocksdb::Env* env) {
  std::string folder = state_dir + "/spool";
  FULMAR_TRY_VOID(make_private_folder(folder));
  FULMAR_TRY(auto database, RocksDatabase::open(folder, env, metrics));
  return std::make_unique<RocksDbStore>(std::move(folder), std::move(database), limits, metrics);
}

Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& state_dir, Metrics& metrics) {
  return open_rocksdb_store(state_dir, metrics, GroupLimits{}, rocksdb::Env::Default());
}

}  // namespace fulmar::queue
