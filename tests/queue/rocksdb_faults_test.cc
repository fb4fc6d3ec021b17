// A disk that fails under the store on RocksDB: what callers are told, what stays, and that it
// heals by itself.
#include <gtest/gtest.h>

#include <mutex>
#include <optional>

#include "base/log.h"
#include "queue/rocksdb_store_internal.h"
#include "tests/fakes/recover_all.h"
#include "tests/queue/faulty_disk.h"
#include "tests/queue/spool_fixture.h"

namespace fulmar::queue {
namespace {

using Fault = DiskState::Fault;

struct FaultCase {
  std::string name;
  Fault fault;
  rocksdb::IOStatus status;
  Errc want;
};

/// Keeps the lines of the log.
class KeptLines final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message,
             const std::vector<LogField>& fields) override {
    const std::lock_guard lock(mutex_);
    if (level != LogLevel::debug) lines_.push_back(format_text_line(message, fields));
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class RocksDbFaults : public testing::TestWithParam<FaultCase> {
 protected:
  void open() {
    // Probes are left to the next write here, so that nothing happens behind the test's back.
    const GroupLimits limits{.probe_interval = std::chrono::hours(1)};
    store_ = open_rocksdb_store(folder_.path().string(), metrics_, limits, disk_.env()).value();
  }
  void SetUp() override {
    log_before_ = set_log_sink(log_);
    open();
    ASSERT_TRUE(run_(store_->commit(make_batch(1))));
  }
  void TearDown() override {
    store_.reset();
    set_log_sink(log_before_);
  }
  void break_disk() { disk_.state.fail(GetParam().fault, GetParam().status); }

  std::vector<MessageId> recovered_after_restart() {
    store_.reset();
    open();
    std::vector<MessageId> ids;
    const RecoveredAll recovered = run_(recover_all(*store_)).value();
    for (const Delivery& delivery : recovered.deliveries) {
      ids.push_back(delivery.message);
      EXPECT_TRUE(run_(store_->read_chunk(delivery.message, 0)));
    }
    return ids;
  }

  std::shared_ptr<KeptLines> log_ = std::make_shared<KeptLines>();
  std::shared_ptr<LogSink> log_before_;
  Runner run_;
  Metrics metrics_;
  TemporaryFolder folder_;
  FaultyDisk disk_;
  std::unique_ptr<Store> store_;
};

rocksdb::IOStatus no_space() {
  auto status = rocksdb::IOStatus::NoSpace("No space left on device");
  status.SetRetryable(true);
  return status;
}

const FaultCase kFaults[] = {
    {"AppendFails", Fault::append, rocksdb::IOStatus::IOError("EIO"), Errc::store_failed},
    {"SyncFails", Fault::sync, rocksdb::IOStatus::IOError("EIO"), Errc::store_failed},
    {"EverythingFails", Fault::everything, rocksdb::IOStatus::IOError("EIO"), Errc::store_failed},
    {"LogHasNoSpace", Fault::append, no_space(), Errc::store_full},
    {"DiskHasNoSpace", Fault::everything, no_space(), Errc::store_full},
};

std::string fault_name(const testing::TestParamInfo<FaultCase>& row) {
  return row.param.name;
}

INSTANTIATE_TEST_SUITE_P(All, RocksDbFaults, testing::ValuesIn(kFaults), fault_name);

TEST_P(RocksDbFaults, pitfall_87_a_failed_write_is_told_to_its_caller) {
  break_disk();
  const auto failed = run_(store_->commit(make_batch(2)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, GetParam().want);
  EXPECT_FALSE(store_->writable());
  EXPECT_EQ(metrics_.store_errors.value(), 1U);
}

TEST_P(RocksDbFaults, the_log_says_once_that_it_broke_and_once_that_it_works) {
  break_disk();
  for (std::uint32_t i = 2; i < 5; ++i)
    ASSERT_FALSE(run_(store_->commit(make_batch(i))));
  disk_.state.heal();
  for (std::uint32_t i = 5; i < 7; ++i)
    ASSERT_TRUE(run_(store_->commit(make_batch(i))));
  const auto lines = log_->lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("the spool cannot be written folder=")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("the spool can be written again folder=")) << lines[1];
}

TEST_P(RocksDbFaults, what_was_committed_before_can_still_be_read) {
  break_disk();
  ASSERT_FALSE(run_(store_->commit(make_batch(2))));
  EXPECT_EQ(run_(store_->read_chunk(make_id(1), 0)), make_body(1));
  EXPECT_FALSE(run_(store_->read_message(make_id(2))));
}

TEST_P(RocksDbFaults, pitfall_97_it_goes_on_when_the_disk_does) {
  break_disk();
  for (std::uint32_t i = 2; i < 6; ++i)
    ASSERT_FALSE(run_(store_->commit(make_batch(i))));
  disk_.state.heal();
  const auto healed = run_(store_->commit(make_batch(6)));
  ASSERT_TRUE(healed) << to_string(healed.error());
  EXPECT_TRUE(store_->writable());
  EXPECT_EQ(run_(store_->read_chunk(make_id(1), 0)), make_body(1));
  const std::vector want = {make_id(1), make_id(6)};
  EXPECT_EQ(recovered_after_restart(), want);
}

TEST_P(RocksDbFaults, one_failure_is_left_behind_by_the_next_write) {
  break_disk();
  ASSERT_FALSE(run_(store_->commit(make_batch(2))));
  disk_.state.heal();
  const auto healed = run_(store_->commit(make_batch(3)));
  ASSERT_TRUE(healed) << to_string(healed.error());
  const std::vector want = {make_id(1), make_id(3)};
  EXPECT_EQ(recovered_after_restart(), want);
}

TEST_P(RocksDbFaults, after_a_crash_a_refused_message_is_there_in_full_or_not_at_all) {
  break_disk();
  ASSERT_FALSE(run_(store_->commit(make_batch(2))));
  disk_.state.heal();
  std::filesystem::create_directory(folder_.path() / "crash");
  std::filesystem::copy(folder_.path() / "spool", folder_.path() / "crash" / "spool");
  const auto after =
      open_rocksdb_store((folder_.path() / "crash").string(), metrics_, {}, disk_.env());
  ASSERT_TRUE(after) << to_string(after.error());
  const auto recovered = run_(recover_all(**after)).value();
  ASSERT_GE(recovered.deliveries.size(), 1U);
  EXPECT_EQ(recovered.deliveries[0], make_delivery(1));
  EXPECT_TRUE(recovered.set_aside.empty());
  for (const Delivery& delivery : recovered.deliveries) {
    EXPECT_TRUE(run_((*after)->read_message(delivery.message)));
    EXPECT_TRUE(run_((*after)->read_chunk(delivery.message, 0)));
  }
}

TEST_P(RocksDbFaults, a_refused_message_with_chunks_before_it_leaves_nothing) {
  ASSERT_TRUE(run_(store_->append_chunk({make_id(2), 0, "x"})));
  break_disk();
  Batch batch;
  batch.emplace_back(PutMessage{make_message(2, 2)});
  batch.emplace_back(PutChunk{make_id(2), 1, "y"});
  batch.emplace_back(PutDelivery{make_delivery(2)});
  ASSERT_FALSE(run_(store_->commit(std::move(batch))));
  disk_.state.heal();
  ASSERT_TRUE(run_(store_->commit(make_batch(3))));
  const std::vector want = {make_id(1), make_id(3)};
  EXPECT_EQ(recovered_after_restart(), want);
  EXPECT_FALSE(run_(store_->read_chunk(make_id(2), 0)));
  EXPECT_FALSE(run_(store_->read_chunk(make_id(2), 1)));
}

/// What is left of message 1, and whether the notice about it is there: message 9.
struct Outcome {
  std::optional<Delivery> original;
  bool envelope_and_body = false;
  bool notice = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class RocksDbOutcomes : public RocksDbFaults {
 protected:
  Outcome found() {
    Outcome outcome;
    if (auto delivery = run_(store_->read_delivery(make_id(1), kHost))) {
      outcome.original = *std::move(delivery);
    }
    outcome.envelope_and_body = run_(store_->read_message(make_id(1))).has_value() &&
                                run_(store_->read_chunk(make_id(1), 0)).has_value();
    outcome.notice = run_(store_->read_message(make_id(9))).has_value() &&
                     run_(store_->read_chunk(make_id(9), 0)).has_value() &&
                     run_(store_->read_delivery(make_id(9), kHost)).has_value();
    return outcome;
  }

  /// Fails to store `outcome` with a notice, fails `further` writes more, and heals the disk. What
  /// is there then, and after a restart, must be `before`, or `after` with the notice.
  void expect_whole(Batch outcome, std::uint32_t further, const Outcome& after) {
    const Outcome before{make_delivery(1), true, false};
    for (Operation& operation : make_batch(9))
      outcome.push_back(std::move(operation));
    break_disk();
    EXPECT_FALSE(run_(store_->commit(std::move(outcome))));
    for (std::uint32_t i = 0; i < further; ++i)
      EXPECT_FALSE(run_(store_->commit(make_batch(2))));
    disk_.state.heal();
    EXPECT_TRUE(run_(store_->commit(make_batch(3))));
    const Outcome healed = found();
    EXPECT_TRUE(healed == before || healed == after);
    store_.reset();
    open();
    EXPECT_TRUE(run_(recover_all(*store_)).value().set_aside.empty());
    EXPECT_EQ(found(), healed) << "a restart must not change what became of it";
  }

  static Batch all_bounced() {
    Batch batch;
    batch.emplace_back(RemoveDelivery{make_id(1), kHost});
    batch.emplace_back(RemoveMessage{make_id(1), 1});
    return batch;
  }
  static Delivery rest() {
    Delivery delivery = make_delivery(1);
    delivery.recipients[0].address = Mailbox::parse("other@a.example").value();
    return delivery;
  }
  static Batch one_bounced() {
    Batch batch;
    batch.emplace_back(PutDelivery{rest()});
    return batch;
  }
};

INSTANTIATE_TEST_SUITE_P(All, RocksDbOutcomes, testing::ValuesIn(kFaults), fault_name);

TEST_P(RocksDbOutcomes, a_failed_sync_does_not_lose_a_message_and_its_notice_together) {
  expect_whole(all_bounced(), 0, {std::nullopt, false, true});
}

TEST_P(RocksDbOutcomes, a_failed_sync_does_not_lose_them_when_the_database_is_opened_again) {
  expect_whole(all_bounced(), 2, {std::nullopt, false, true});
}

TEST_P(RocksDbOutcomes, a_failed_sync_does_not_lose_a_recipient_and_its_notice_together) {
  expect_whole(one_bounced(), 0, {rest(), true, true});
}

TEST_P(RocksDbOutcomes, nor_a_recipient_when_the_database_is_opened_again) {
  expect_whole(one_bounced(), 2, {rest(), true, true});
}

TEST_P(RocksDbFaults, a_failed_update_leaves_the_old_or_the_new_record) {
  Delivery attempted = make_delivery(1);
  attempted.attempts = 1;
  break_disk();
  Batch batch;
  batch.emplace_back(PutDelivery{attempted});
  ASSERT_FALSE(run_(store_->commit(std::move(batch))));
  disk_.state.heal();
  ASSERT_TRUE(run_(store_->commit(make_batch(3))));
  ASSERT_EQ(recovered_after_restart().size(), 2U);
  const auto found = run_(store_->read_delivery(make_id(1), kHost)).value();
  EXPECT_TRUE(found == attempted || found == make_delivery(1));
}

}  // namespace
}  // namespace fulmar::queue
