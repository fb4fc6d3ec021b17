// What every Store does, run against each of them.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "queue/codec.h"
#include "queue/rocksdb_database.h"
#include "queue/rocksdb_store.h"
#include "tests/fakes/mem_store.h"
#include "tests/fakes/recover_all.h"
#include "tests/queue/spool_fixture.h"

namespace fulmar::queue {
namespace {

/// A store that can be stopped and started.
class Harness {
 public:
  virtual ~Harness() = default;
  virtual Store& store() = 0;
  virtual void restart() = 0;
  /// Restarts with a row put behind the store's back.
  virtual void restart_with_row(Column column, std::string key, std::string value) = 0;
};

class MemHarness final : public Harness {
 public:
  Store& store() override { return store_; }
  void restart() override {
    store_.close();
    store_.restart();
  }
  void restart_with_row(Column column, std::string key, std::string value) override {
    restart();
    store_.put_row(column, std::move(key), std::move(value));
  }

 private:
  fakes::MemStore store_;
};

class RocksDbHarness final : public Harness {
 public:
  RocksDbHarness() { open(); }
  Store& store() override { return *store_; }
  void restart() override {
    store_.reset();
    open();
  }
  void restart_with_row(Column column, std::string key, std::string value) override {
    store_.reset();
    {
      auto database = RocksDatabase::open((folder_.path() / "spool").string(),
                                          rocksdb::Env::Default(), metrics_)
                          .value();
      const Edits edits = {{column, std::move(key), std::move(value)}};
      const Edits* const parts[] = {&edits};
      ASSERT_TRUE(database->write(parts, Durability::synced));
    }
    open();
  }

 private:
  void open() { store_ = open_rocksdb_store(folder_.path().string(), metrics_).value(); }

  TemporaryFolder folder_;
  Metrics metrics_;
  std::unique_ptr<Store> store_;
};

struct Kind {
  std::string name;
  std::function<std::unique_ptr<Harness>()> make;
};

class StoreContract : public testing::TestWithParam<Kind> {
 protected:
  Store& store() { return harness_->store(); }
  void restart() { harness_->restart(); }

  Runner run_;
  std::unique_ptr<Harness> harness_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(
    All, StoreContract,
    testing::Values(Kind{"MemStore", [] { return std::make_unique<MemHarness>(); }},
                    Kind{"RocksDbStore", [] { return std::make_unique<RocksDbHarness>(); }}),
    [](const auto& row) { return row.param.name; });

TEST_P(StoreContract, a_committed_message_can_be_read_back) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  EXPECT_EQ(run_(store().read_message(make_id(1))), make_message(1));
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 0)), make_body(1));
  EXPECT_EQ(run_(store().read_delivery(make_id(1), kHost)), make_delivery(1));
}

TEST_P(StoreContract, what_is_not_there_is_not_found) {
  EXPECT_EQ(run_(store().read_message(make_id(1))).error().code, Errc::not_found);
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 0)).error().code, Errc::not_found);
  EXPECT_EQ(run_(store().read_delivery(make_id(1), kHost)).error().code, Errc::not_found);
}

TEST_P(StoreContract, operations_of_a_batch_apply_in_order) {
  Batch batch = make_batch(1);
  batch.emplace_back(RemoveDelivery{make_id(1), kHost});
  batch.emplace_back(PutDelivery{make_delivery(1)});
  batch.emplace_back(RemoveMessage{make_id(1), 1});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  EXPECT_TRUE(run_(store().read_delivery(make_id(1), kHost)));
  EXPECT_FALSE(run_(store().read_message(make_id(1))));
  EXPECT_FALSE(run_(store().read_chunk(make_id(1), 0)));
}

TEST_P(StoreContract, SMTP_15_committed_messages_are_recovered_after_a_restart) {
  for (std::uint32_t i = 1; i <= 3; ++i)
    ASSERT_TRUE(run_(store().commit(make_batch(i))));
  Delivery attempted = make_delivery(2);
  attempted.attempts = 1;
  Batch relaxed;
  relaxed.emplace_back(PutDelivery{attempted});
  ASSERT_TRUE(run_(store().commit_relaxed(std::move(relaxed))));
  Batch done;
  done.emplace_back(RemoveDelivery{make_id(3), kHost});
  done.emplace_back(RemoveMessage{make_id(3), 1});
  ASSERT_TRUE(run_(store().commit(std::move(done))));
  restart();
  const auto recovered = run_(recover_all(store())).value();
  EXPECT_EQ(recovered.deliveries, (std::vector{make_delivery(1), attempted}));
  EXPECT_TRUE(recovered.set_aside.empty());
  EXPECT_EQ(recovered.orphans_removed, 0U);
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 0)), make_body(1));
}

TEST_P(StoreContract, what_is_removed_soon_is_gone_when_that_is_reported) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  ASSERT_TRUE(run_(store().commit(make_batch(2))));
  Batch removals;
  removals.emplace_back(RemoveDelivery{make_id(1), kHost});
  removals.emplace_back(RemoveMessage{make_id(1), 1});
  std::promise<void> removed;
  store().remove_soon(std::move(removals), [&] { removed.set_value(); });
  removed.get_future().wait();
  EXPECT_FALSE(run_(store().read_message(make_id(1))));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().deliveries, std::vector{make_delivery(2)});
}

TEST_P(StoreContract, what_is_removed_soon_is_gone_after_a_later_commit_and_after_a_stop) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  ASSERT_TRUE(run_(store().commit(make_batch(2))));
  const auto remove = [&](std::uint32_t number) {
    Batch removals;
    removals.emplace_back(RemoveDelivery{make_id(number), kHost});
    store().remove_soon(std::move(removals), [] {});
  };
  remove(1);
  ASSERT_TRUE(run_(store().commit(make_batch(3))));
  EXPECT_EQ(run_(store().read_delivery(make_id(1), kHost)).error().code, Errc::not_found);
  remove(2);
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().deliveries, std::vector{make_delivery(3)});
}

TEST_P(StoreContract, two_destinations_of_a_message_are_records_of_their_own) {
  const MailHost literal = IpAddress::parse("192.0.2.7").value();
  Batch batch = make_batch(1);
  batch.emplace_back(PutDelivery{make_delivery(1, literal)});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  Batch done;
  done.emplace_back(RemoveDelivery{make_id(1), kHost});
  ASSERT_TRUE(run_(store().commit(std::move(done))));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().deliveries, std::vector{make_delivery(1, literal)});
}

TEST_P(StoreContract, a_body_may_come_in_chunks_before_its_message) {
  const std::string full(kChunkSize, 'x');
  ASSERT_TRUE(run_(store().append_chunk({make_id(1), 0, full})));
  ASSERT_TRUE(run_(store().append_chunk({make_id(1), 1, full})));
  Batch batch;
  batch.emplace_back(PutMessage{make_message(1, 3)});
  batch.emplace_back(PutChunk{make_id(1), 2, "end"});
  batch.emplace_back(PutDelivery{make_delivery(1)});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().orphans_removed, 0U);
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 0)), full);
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 2)), "end");
}

TEST_P(StoreContract, a_discarded_body_is_gone) {
  ASSERT_TRUE(run_(store().append_chunk({make_id(1), 0, "x"})));
  ASSERT_TRUE(run_(store().discard_body(make_id(1), 1)));
  EXPECT_FALSE(run_(store().read_chunk(make_id(1), 0)));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().orphans_removed, 0U);
}

TEST_P(StoreContract, what_an_attempt_needs_is_read_in_one_go) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  const Stored stored = run_(store().read_stored(make_id(1), kHost)).value();
  EXPECT_EQ(stored.message, make_message(1));
  EXPECT_EQ(stored.delivery, make_delivery(1));
  EXPECT_EQ(stored.body, make_body(1));
  EXPECT_EQ(run_(store().read_stored(make_id(2), kHost)).error().code, Errc::not_found);
}

TEST_P(StoreContract, a_body_of_several_chunks_is_read_chunk_by_chunk) {
  Batch batch;
  batch.emplace_back(PutMessage{make_message(1, 2)});
  batch.emplace_back(PutChunk{make_id(1), 0, std::string(kChunkSize, 'x')});
  batch.emplace_back(PutChunk{make_id(1), 1, "end"});
  batch.emplace_back(PutDelivery{make_delivery(1)});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  EXPECT_EQ(run_(store().read_stored(make_id(1), kHost)).value().body, std::nullopt);
}

TEST_P(StoreContract, pitfall_83_what_is_read_in_one_go_says_what_cannot_be_read) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  harness_->restart_with_row(Column::messages, message_key(make_id(1)), "rubbish");
  EXPECT_EQ(run_(store().read_stored(make_id(1), kHost)).error().code, Errc::corrupt);
}

TEST_P(StoreContract, chunks_without_message_are_removed_at_the_next_start) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(run_(store().append_chunk({make_id(2), i, "x"})));
  }
  ASSERT_TRUE(run_(store().commit(make_batch(3))));
  restart();
  const auto recovered = run_(recover_all(store())).value();
  EXPECT_EQ(recovered.orphans_removed, 3U);
  EXPECT_EQ(recovered.deliveries.size(), 2U);
  EXPECT_FALSE(run_(store().read_chunk(make_id(2), 0)));
  EXPECT_TRUE(run_(store().read_chunk(make_id(1), 0)));
  EXPECT_TRUE(run_(store().read_chunk(make_id(3), 0)));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().orphans_removed, 0U);
}

TEST_P(StoreContract, a_message_without_delivery_is_removed_at_the_next_start) {
  Batch batch;
  batch.emplace_back(PutMessage{make_message(1, 2)});
  batch.emplace_back(PutChunk{make_id(1), 0, "x"});
  batch.emplace_back(PutChunk{make_id(1), 1, "y"});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  restart();
  EXPECT_EQ(run_(recover_all(store())).value().orphans_removed, 3U);
  EXPECT_FALSE(run_(store().read_message(make_id(1))));
  EXPECT_FALSE(run_(store().read_chunk(make_id(1), 1)));
}

TEST_P(StoreContract, pitfall_83_a_record_that_does_not_decode_is_set_aside_and_stays) {
  for (std::uint32_t i = 1; i <= 3; ++i)
    ASSERT_TRUE(run_(store().commit(make_batch(i))));
  harness_->restart_with_row(Column::deliveries, delivery_key(make_id(2), kHost), "rubbish");
  for (int start = 0; start < 2; ++start) {
    const auto recovered = run_(recover_all(store())).value();
    EXPECT_EQ(recovered.deliveries, (std::vector{make_delivery(1), make_delivery(3)}));
    ASSERT_EQ(recovered.set_aside.size(), 1U);
    EXPECT_EQ(recovered.set_aside[0].key, make_id(2).str() + " a.example");
    EXPECT_EQ(recovered.set_aside[0].why.code, Errc::corrupt);
    EXPECT_EQ(recovered.orphans_removed, 0U);
    EXPECT_EQ(run_(store().read_chunk(make_id(2), 0)), make_body(2));
    restart();
  }
  EXPECT_EQ(run_(store().read_delivery(make_id(2), kHost)).error().code, Errc::corrupt);
}

TEST_P(StoreContract, a_delivery_set_aside_keeps_its_body_when_its_sibling_has_ended) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  const MailHost second = Domain::parse("b.example").value();
  harness_->restart_with_row(Column::deliveries, delivery_key(make_id(1), second), "rubbish");
  const auto before = run_(recover_all(store())).value();
  EXPECT_EQ(before.deliveries, std::vector{make_delivery(1)});
  EXPECT_EQ(before.pinned, std::vector{make_id(1)});
  Batch ended;
  ended.emplace_back(RemoveDelivery{make_id(1), kHost});
  ASSERT_TRUE(run_(store().commit(std::move(ended))));
  restart();
  const auto after = run_(recover_all(store())).value();
  EXPECT_TRUE(after.deliveries.empty());
  EXPECT_EQ(after.pinned, std::vector{make_id(1)});
  EXPECT_EQ(after.orphans_removed, 0U);
  EXPECT_EQ(run_(store().read_message(make_id(1))), make_message(1));
  EXPECT_EQ(run_(store().read_chunk(make_id(1), 0)), make_body(1));
}

TEST_P(StoreContract, a_key_that_cannot_be_parsed_is_set_aside) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  harness_->restart_with_row(Column::deliveries, "odd", "rubbish");
  const auto recovered = run_(recover_all(store())).value();
  EXPECT_EQ(recovered.deliveries.size(), 1U);
  ASSERT_EQ(recovered.set_aside.size(), 1U);
  EXPECT_EQ(recovered.set_aside[0].key, "6f6464");
}

TEST_P(StoreContract, a_delivery_whose_envelope_does_not_decode_is_set_aside) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  harness_->restart_with_row(Column::messages, message_key(make_id(1)), "rubbish");
  const auto recovered = run_(recover_all(store())).value();
  EXPECT_TRUE(recovered.deliveries.empty());
  EXPECT_EQ(recovered.set_aside.size(), 2U);
  EXPECT_EQ(run_(store().read_message(make_id(1))).error().code, Errc::corrupt);
  EXPECT_TRUE(run_(store().read_chunk(make_id(1), 0))) << "an operator may still want the body";
}

TEST_P(StoreContract, records_stand_in_tables) {
  Batch batch;
  batch.emplace_back(PutRecord{kPolicies, "b.example", "2"});
  batch.emplace_back(PutRecord{kPolicies, "a.example", "1"});
  batch.emplace_back(PutRecord{kPolicies, "c.example", "3"});
  ASSERT_TRUE(run_(store().commit(std::move(batch))));
  Batch removal;
  removal.emplace_back(RemoveRecord{kPolicies, "b.example"});
  removal.emplace_back(PutRecord{kPolicies, "c.example", std::string("\0new", 4)});
  ASSERT_TRUE(run_(store().commit_relaxed(std::move(removal))));
  restart();
  const std::vector<std::pair<std::string, std::string>> want = {
      {"a.example", "1"}, {"c.example", std::string("\0new", 4)}};
  EXPECT_EQ(run_(store().read_table(kPolicies)), want);
}

TEST_P(StoreContract, after_close_everything_is_cancelled) {
  ASSERT_TRUE(run_(store().commit(make_batch(1))));
  store().close();
  store().close();
  EXPECT_EQ(run_(store().commit(make_batch(2))).error().code, Errc::cancelled);
  EXPECT_EQ(run_(store().commit_relaxed(make_batch(2))).error().code, Errc::cancelled);
  Batch removals;
  removals.emplace_back(RemoveDelivery{make_id(1), kHost});
  store().remove_soon(std::move(removals), [] { ADD_FAILURE() << "it is not removed"; });
  EXPECT_EQ(run_(store().append_chunk({make_id(2), 0, "x"})).error().code, Errc::cancelled);
  EXPECT_EQ(run_(store().discard_body(make_id(2), 1)).error().code, Errc::cancelled);
  EXPECT_EQ(run_(store().read_message(make_id(1))).error().code, Errc::cancelled);
  EXPECT_EQ(run_(store().read_table(kPolicies)).error().code, Errc::cancelled);
  EXPECT_EQ(run_(recover_all(store())).error().code, Errc::cancelled);
}

TEST_P(StoreContract, tells_the_room_there_is) {
  EXPECT_GT(store().free_space().value(), 1'000'000U);
  EXPECT_TRUE(store().writable());
}

}  // namespace
}  // namespace fulmar::queue
