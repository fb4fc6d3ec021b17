// What is particular to the store on RocksDB: opening, crashes, damage, groups. A disk that fails:
// rocksdb_faults_test.
#include "queue/rocksdb_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fstream>
#include <optional>
#include <thread>

#include "base/wire.h"
#include "queue/codec.h"
#include "queue/rocksdb_database.h"
#include "queue/rocksdb_store_internal.h"
#include "tests/fakes/recover_all.h"
#include "tests/queue/faulty_disk.h"
#include "tests/queue/spool_fixture.h"

namespace fulmar::queue {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

class RocksDbStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> open(const fs::path& state_dir) {
    return open_rocksdb_store(state_dir.string(), metrics_);
  }
  std::unique_ptr<Store> open_value() { return open(folder_.path()).value(); }
  [[nodiscard]] fs::path spool() const { return folder_.path() / "spool"; }

  /// The numbers of the messages that come back, in order.
  std::vector<MessageId> recovered_ids(const fs::path& state_dir) {
    auto store = open(state_dir);
    if (!store) {
      ADD_FAILURE() << to_string(store.error());
      return {};
    }
    std::vector<MessageId> ids;
    const RecoveredAll recovered = run_(recover_all(**store)).value();
    for (const Delivery& delivery : recovered.deliveries) {
      ids.push_back(delivery.message);
      EXPECT_TRUE(run_((*store)->read_chunk(delivery.message, 0)));
    }
    return ids;
  }

  /// The spool as a process that is killed now leaves it.
  void copy_spool(const std::string& state_dir) const {
    fs::create_directory(folder_.path() / state_dir);
    fs::copy(spool(), folder_.path() / state_dir / "spool");
  }

  /// The log file that is written last.
  [[nodiscard]] static fs::path newest_log(const fs::path& spool_folder) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(spool_folder)) {
      if (entry.path().extension() == ".log") newest = std::max(newest, entry.path());
    }
    return newest;
  }

  Runner run_;
  Metrics metrics_;
  TemporaryFolder folder_;
};

std::vector<MessageId> ids_up_to(std::uint32_t count) {
  std::vector<MessageId> ids;
  for (std::uint32_t i = 1; i <= count; ++i)
    ids.push_back(make_id(i));
  return ids;
}

TEST_F(RocksDbStoreTest, the_folder_is_private) {
  const auto store = open_value();
  struct stat status {};
  ASSERT_EQ(::stat(spool().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

// RocksDB aborts the program when its own log file cannot be written twice in a row, so there is
// none.
TEST_F(RocksDbStoreTest, pitfall_97_no_file_is_written_that_a_full_disk_could_turn_into_an_abort) {
  const auto store = open_value();
  ASSERT_TRUE(run_(store->commit(make_batch(1))));
  EXPECT_FALSE(fs::exists(spool() / "LOG"));
}

TEST_F(RocksDbStoreTest, a_folder_that_cannot_be_made_is_named) {
  const auto store = open(folder_.path() / "absent");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::io);
  EXPECT_NE(store.error().detail.find("absent/spool"), std::string::npos);
}

TEST_F(RocksDbStoreTest, a_second_opening_is_refused) {
  const auto first = open_value();
  const auto second = open(folder_.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::io);
  EXPECT_NE(second.error().detail.find("another process has the spool"), std::string::npos);
  EXPECT_NE(second.error().detail.find(spool().string()), std::string::npos);
  EXPECT_TRUE(run_(first->commit(make_batch(1)))) << "the first one is none the worse for it";
}

TEST_F(RocksDbStoreTest, a_format_of_a_later_version_is_refused) {
  open_value().reset();
  {
    auto database =
        RocksDatabase::open(spool().string(), rocksdb::Env::Default(), metrics_).value();
    Writer later;
    later.u32(kFormatVersion + 1);
    const Edits edits = {{Column::meta, std::string(kFormatKey), std::move(later).take()}};
    const Edits* const parts[] = {&edits};
    ASSERT_TRUE(database->write(parts, Durability::synced));
  }
  EXPECT_EQ(open(folder_.path()).error().code, Errc::newer_version);
}

TEST_F(RocksDbStoreTest, columns_of_a_later_version_are_refused) {
  open_value().reset();
  {
    std::vector<std::string> names;
    const rocksdb::Options options;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, spool().string(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const auto& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, spool().string(), families, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> database(raw);
    rocksdb::ColumnFamilyHandle* added = nullptr;
    ASSERT_TRUE(database->CreateColumnFamily({}, "telepathy", &added).ok());
    handles.push_back(added);
    for (auto* handle : handles)
      ASSERT_TRUE(database->DestroyColumnFamilyHandle(handle).ok());
  }
  const auto store = open(folder_.path());
  EXPECT_EQ(store.error().code, Errc::newer_version);
  EXPECT_NE(store.error().detail.find("telepathy"), std::string::npos);
}

/// Commits message after message, and notes each acknowledged one in a file, until a thread kills
/// the process.
void commit_until_killed(const fs::path& state_dir) {
  Runner run;
  Metrics metrics;
  auto store = open_rocksdb_store(state_dir.string(), metrics).value();
  std::ofstream acknowledged(state_dir / "acknowledged", std::ios::binary);
  std::atomic<std::uint32_t> count{0};
  const std::jthread killer([&] {
    for (std::uint32_t seen = 0; seen < 50; seen = count)
      count.wait(seen);
    ::kill(::getpid(), SIGKILL);
  });
  while (run(store->commit(make_batch(count + 1)))) {
    acknowledged << 'x' << std::flush;
    ++count;
    count.notify_all();
  }
}

TEST(RocksDbStoreCrash, SMTP_15_everything_committed_survives_kill_9) {
  // The child is this program, started again: it finds the folder in the environment.
  constexpr const char* kVariable = "FULMAR_TEST_KILL_FOLDER";
  std::optional<TemporaryFolder> folder;
  if (::getenv(kVariable) == nullptr) {
    folder.emplace();
    ::setenv(kVariable, folder->path().c_str(), 1);
  }
  const fs::path state_dir = ::getenv(kVariable);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(commit_until_killed(state_dir), testing::KilledBySignal(SIGKILL), "");
  ::unsetenv(kVariable);

  Runner run;
  Metrics metrics;
  const auto store = open_rocksdb_store(state_dir.string(), metrics).value();
  const auto recovered = run(recover_all(*store)).value();
  const auto acknowledged = fs::file_size(state_dir / "acknowledged");
  EXPECT_GE(acknowledged, 49U);
  // The one after the last acknowledgement may have been stored as well.
  EXPECT_GE(recovered.deliveries.size(), acknowledged);
  EXPECT_LE(recovered.deliveries.size(), acknowledged + 1);
  for (std::uint32_t i = 1; i <= acknowledged; ++i) {
    EXPECT_EQ(recovered.deliveries[i - 1], make_delivery(i));
    EXPECT_EQ(run(store->read_chunk(make_id(i), 0)), make_body(i));
  }
}

TEST_F(RocksDbStoreTest, pitfall_99_a_log_that_ends_too_early_opens) {
  {
    auto store = open_value();
    for (std::uint32_t i = 1; i <= 3; ++i)
      ASSERT_TRUE(run_(store->commit(make_batch(i))));
    copy_spool("crash");
  }
  const fs::path log = newest_log(folder_.path() / "crash" / "spool");
  // Cuts into the third message, as a crash while it was being written would.
  fs::resize_file(log, fs::file_size(log) - 5);
  EXPECT_EQ(recovered_ids(folder_.path() / "crash"), ids_up_to(2));
}

std::string octets_of(const fs::path& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  std::string octets(fs::file_size(file_name), '\0');
  file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
  return octets;
}

/// Changes one octet of the first place where `text` stands.
void damage(const fs::path& file_name, const std::string& text) {
  const auto at = octets_of(file_name).find(text);
  ASSERT_NE(at, std::string::npos);
  std::fstream file(file_name, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(text.front() ^ 1));
}

TEST_F(RocksDbStoreTest, pitfall_99_damage_in_the_middle_of_a_log_is_refused_and_named) {
  {
    auto store = open_value();
    for (std::uint32_t i = 1; i <= 3; ++i)
      ASSERT_TRUE(run_(store->commit(make_batch(i))));
    copy_spool("crash");
  }
  const fs::path log = newest_log(folder_.path() / "crash" / "spool");
  damage(log, make_body(2));
  for (int start = 0; start < 2; ++start) {
    const auto store = open(folder_.path() / "crash");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::corrupt);
    EXPECT_NE(store.error().detail.find("The damage is in " + log.string() + "."),
              std::string::npos)
        << store.error().detail;
    EXPECT_NE(store.error().detail.find("skip-damage"), std::string::npos);
  }
}

TEST_F(RocksDbStoreTest, pitfall_99_an_operator_can_have_damage_skipped_once) {
  {
    auto store = open_value();
    for (std::uint32_t i = 1; i <= 3; ++i) {
      Batch batch = make_batch(i);
      // RocksDB gives up the rest of a block of 32 KB, so the messages must be larger than that.
      std::get<PutChunk>(batch[1]).bytes.resize(kChunkSize, 'x');
      ASSERT_TRUE(run_(store->commit(std::move(batch))));
    }
    copy_spool("crash");
  }
  const fs::path crashed = folder_.path() / "crash";
  damage(newest_log(crashed / "spool"), make_body(2));
  std::ofstream(crashed / "spool" / "skip-damage").close();
  const std::vector want = {make_id(1), make_id(3)};
  EXPECT_EQ(recovered_ids(crashed), want);
  EXPECT_FALSE(fs::exists(crashed / "spool" / "skip-damage"));
}

TEST_F(RocksDbStoreTest, redteam_31_a_permission_that_was_not_needed_is_gone_after_a_good_start) {
  open_value()->close();
  const fs::path permission = folder_.path() / "spool" / "skip-damage";
  std::ofstream(permission).close();
  open_value()->close();
  EXPECT_FALSE(fs::exists(permission)) << "damage that comes later needs another one";
}

TEST_F(RocksDbStoreTest, pitfall_99_damage_at_the_end_of_a_long_record_can_be_skipped) {
  const auto last_words = [](std::uint32_t i) { return "the end of " + make_body(i); };
  {
    auto store = open_value();
    for (std::uint32_t i = 1; i <= 4; ++i) {
      Batch batch = make_batch(i);
      std::string& body = std::get<PutChunk>(batch[1]).bytes;
      body.resize(kChunkSize - last_words(i).size(), 'x');
      body += last_words(i);
      ASSERT_TRUE(run_(store->commit(std::move(batch))));
    }
    copy_spool("crash");
  }
  const fs::path crashed = folder_.path() / "crash";
  damage(newest_log(crashed / "spool"), last_words(2));
  ASSERT_FALSE(open(crashed));
  std::ofstream(crashed / "spool" / "skip-damage").close();
  // The third one begins in the block in which the second one ends.
  const std::vector want = {make_id(1), make_id(4)};
  EXPECT_EQ(recovered_ids(crashed), want);
}

TEST_F(RocksDbStoreTest, pitfall_99_a_damaged_table_is_refused_and_named) {
  {
    auto store = open_value();
    ASSERT_TRUE(run_(store->commit(make_batch(1))));
    copy_spool("crash");
  }
  const fs::path crashed = folder_.path() / "crash";
  ASSERT_EQ(recovered_ids(crashed).size(), 1U);  // its log has become tables
  std::string damaged;
  for (const auto& entry : fs::directory_iterator(crashed / "spool")) {
    const std::string octets = octets_of(entry.path());
    // A table says in its properties which column's rows it has.
    if (entry.path().extension() != ".sst" || !octets.contains("deliveries")) continue;
    damage(entry.path(), octets.substr(0, 16));
    damaged = entry.path().string();
  }
  auto store = open(crashed);
  ASSERT_TRUE(store) << to_string(store.error());
  const auto recovered = run_((*store)->recover([](const Delivery&) {}));
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, Errc::corrupt);
  EXPECT_NE(recovered.error().detail.find(damaged), std::string::npos) << recovered.error().detail;
}

std::uintmax_t size_of(const fs::path& folder) {
  std::uintmax_t octets = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    octets += entry.file_size();
  return octets;
}

TEST_F(RocksDbStoreTest, pitfall_96_logs_of_mail_that_has_gone_are_given_back) {
  const std::string spool = (folder_.path() / "tidy").string();
  const auto database = RocksDatabase::open(spool, rocksdb::Env::Default(), metrics_).value();
  for (std::uint32_t i = 0; i < 40; ++i) {
    const Edits put = {{Column::bodies, chunk_key(make_id(i), 0), std::string(1UL << 20, 'x')}};
    const Edits remove = {{Column::bodies, chunk_key(make_id(i), 0), std::nullopt}};
    const Edits* const parts[] = {&put, &remove};
    ASSERT_TRUE(database->write(parts, Durability::relaxed));
  }
  ASSERT_GT(size_of(spool), 40UL << 20);
  ASSERT_TRUE(database->give_back_logs());
  EXPECT_LT(size_of(spool), 1UL << 20);
}

TEST_F(RocksDbStoreTest, pitfall_98_the_tables_that_nobody_has_merged_are_counted) {
  const std::string spool = (folder_.path() / "level0").string();
  auto database = RocksDatabase::open(spool, rocksdb::Env::Default(), metrics_).value();
  EXPECT_EQ(metrics_.store_level0_files.value(), 0);
  const Edits put = {{Column::bodies, chunk_key(make_id(1), 0), std::string(20UL << 20, 'x')}};
  const Edits* const parts[] = {&put};
  ASSERT_TRUE(database->write(parts, Durability::relaxed));
  ASSERT_TRUE(database->give_back_logs());
  EXPECT_EQ(metrics_.store_level0_files.value(), 1);
  database.reset();
  Metrics later;
  database = RocksDatabase::open(spool, rocksdb::Env::Default(), later).value();
  EXPECT_EQ(later.store_level0_files.value(), 1) << "also of those before this start";
}

/// Commits from several threads at once. Must outlive the store.
class Crowd {
 public:
  explicit Crowd(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i)
      contexts_.push_back(std::make_unique<asio::io_context>());
  }

  void start(Store& store, std::uint32_t each) {
    for (std::size_t t = 0; t < contexts_.size(); ++t) {
      asio::io_context& io = *contexts_[t];
      for (std::uint32_t i = 1; i <= each; ++i) {
        const auto number = static_cast<std::uint32_t>(t) * each + i;
        asio::co_spawn(io, commit_one(*this, store, number), asio::detached);
      }
      // Runs after every coroutine before it has handed over its commit.
      asio::post(io, [this] {
        ++handed_over_;
        handed_over_.notify_all();
      });
      threads_.emplace_back([&io] { io.run(); });
    }
  }

  /// Blocks until every thread has handed over all its commits.
  void wait_until_handed_over() {
    for (std::size_t seen = handed_over_; seen < contexts_.size(); seen = handed_over_) {
      handed_over_.wait(seen);
    }
  }

  /// Blocks until all have ended.
  std::uint32_t succeeded() {
    threads_.clear();
    return succeeded_;
  }

 private:
  static asio::awaitable<void> commit_one(Crowd& crowd, Store& store, std::uint32_t number) {
    const auto result = co_await store.commit(make_batch(number));
    if (result) ++crowd.succeeded_;
  }

  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::atomic<std::size_t> handed_over_{0};
  std::atomic<std::uint32_t> succeeded_{0};
  std::vector<std::jthread> threads_;
};

TEST_F(RocksDbStoreTest, pitfall_100_many_sessions_share_one_sync) {
  FaultyDisk disk;
  Crowd crowd(4);
  auto store = open_rocksdb_store(folder_.path().string(), metrics_, {}, disk.env()).value();
  const std::size_t before = disk.state.log_syncs();
  disk.state.before_sync([&] { crowd.wait_until_handed_over(); });
  crowd.start(*store, 50);
  EXPECT_EQ(crowd.succeeded(), 200U);
  EXPECT_LE(disk.state.log_syncs() - before, 2U);
  store.reset();
  EXPECT_EQ(recovered_ids(folder_.path()), ids_up_to(200));
}

TEST_F(RocksDbStoreTest, pitfall_98_a_write_that_the_disk_holds_up_is_told_of_meanwhile) {
  FaultyDisk disk;
  auto store = open_rocksdb_store(folder_.path().string(), metrics_, {}, disk.env()).value();
  const SystemClock clock;
  const auto lasts = [&] {
    return metrics_.store_stalls.read(clock.steady_now() + std::chrono::seconds(2)).lasts;
  };
  std::vector<bool> during;
  disk.state.before_sync([&] { during.push_back(lasts()); });
  EXPECT_FALSE(lasts());
  ASSERT_TRUE(run_(store->commit(make_batch(1))));
  EXPECT_EQ(during, std::vector{true});
  EXPECT_FALSE(lasts());
  disk.state.before_sync([] {});
}

TEST_F(RocksDbStoreTest, pitfall_87_a_power_cut_leaves_everything_that_was_committed) {
  FaultyDisk disk;
  auto store = open_rocksdb_store(folder_.path().string(), metrics_, {}, disk.env()).value();
  const std::string chunk(kChunkSize, 'x');
  for (std::uint32_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(run_(store->append_chunk({make_id(i), 0, chunk})));
    ASSERT_TRUE(run_(store->append_chunk({make_id(i), 1, chunk})));
    Batch batch;
    batch.emplace_back(PutMessage{make_message(i, 2)});
    batch.emplace_back(PutDelivery{make_delivery(i)});
    ASSERT_TRUE(run_(store->commit(std::move(batch))));
  }
  // Not promised, so it need not be there; and it is not.
  ASSERT_TRUE(run_(store->append_chunk({make_id(6), 0, chunk})));
  Delivery attempted = make_delivery(1);
  attempted.attempts = 1;
  Batch relaxed;
  relaxed.emplace_back(PutDelivery{attempted});
  ASSERT_TRUE(run_(store->commit_relaxed(std::move(relaxed))));
  disk.state.copy_durable(spool(), folder_.path() / "cut" / "spool");

  const auto after = open(folder_.path() / "cut").value();
  const auto recovered = run_(recover_all(*after)).value();
  ASSERT_EQ(recovered.deliveries.size(), 5U);
  for (std::uint32_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(recovered.deliveries[i - 1], make_delivery(i));
    EXPECT_EQ(run_(after->read_chunk(make_id(i), 0)), chunk);
    EXPECT_EQ(run_(after->read_chunk(make_id(i), 1)), chunk);
  }
}

TEST_F(RocksDbStoreTest, a_clean_stop_makes_relaxed_writes_durable) {
  FaultyDisk disk;
  auto store = open_rocksdb_store(folder_.path().string(), metrics_, {}, disk.env()).value();
  ASSERT_TRUE(run_(store->commit_relaxed(make_batch(1))));
  store->close();
  disk.state.copy_durable(spool(), folder_.path() / "cut" / "spool");
  EXPECT_EQ(recovered_ids(folder_.path() / "cut"), ids_up_to(1));
}

TEST_F(RocksDbStoreTest, each_caller_resumes_on_its_own_executor) {
  asio::io_context io;
  auto store = open_value();
  std::thread::id resumed_on;
  auto session = [](Store& where, std::thread::id& out) -> asio::awaitable<void> {
    EXPECT_TRUE(co_await where.commit(make_batch(1)));
    EXPECT_EQ(std::this_thread::get_id(), out);
    EXPECT_TRUE(co_await where.read_message(make_id(1)));
    EXPECT_EQ(std::this_thread::get_id(), out);
    EXPECT_EQ((co_await asio::this_coro::executor).target_type(),
              typeid(asio::io_context::executor_type));
  };
  asio::co_spawn(io, session(*store, resumed_on), asio::detached);
  std::jthread runner([&] {
    resumed_on = std::this_thread::get_id();
    io.run();
  });
  runner.join();
  store.reset();
}

}  // namespace
}  // namespace fulmar::queue
