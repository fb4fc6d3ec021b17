#include "queue/edits.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "queue/codec.h"

namespace fulmar::queue {
namespace {

MessageId id(std::uint8_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  bytes.back() = number;
  return MessageId::from_bytes(bytes);
}

Message message(std::uint8_t number, std::uint32_t chunks) {
  Message made;
  made.id = id(number);
  made.chunks = chunks;
  return made;
}

const Edit* marker(const Edits& edits, std::uint8_t number) {
  const auto found = std::ranges::find_if(edits, [&](const Edit& edit) {
    return edit.column == Column::meta && edit.key == open_body_key(id(number));
  });
  return found == edits.end() ? nullptr : &*found;
}

TEST(Edits, a_chunk_alone_marks_its_body_as_open) {
  Batch batch;
  batch.emplace_back(PutChunk{id(1), 0, "x"});
  const Edits edits = to_edits(std::move(batch));
  ASSERT_NE(marker(edits, 1), nullptr);
  EXPECT_TRUE(marker(edits, 1)->value.has_value());
}

TEST(Edits, the_batch_that_puts_the_message_takes_the_marker_away) {
  Batch batch;
  batch.emplace_back(PutMessage{message(1, 2)});
  batch.emplace_back(PutChunk{id(1), 1, "x"});  // chunk 0 came before
  const Edits edits = to_edits(std::move(batch));
  ASSERT_NE(marker(edits, 1), nullptr);
  EXPECT_FALSE(marker(edits, 1)->value.has_value());
}

TEST(Edits, a_message_with_all_its_chunks_needs_no_marker) {
  Batch batch;
  batch.emplace_back(PutMessage{message(1, 2)});
  batch.emplace_back(PutChunk{id(1), 0, "x"});
  batch.emplace_back(PutChunk{id(1), 1, "y"});
  EXPECT_EQ(marker(to_edits(std::move(batch)), 1), nullptr);
}

const MailHost kHost = Domain::parse("a.example").value();

Delivery delivery(std::uint8_t number) {
  Delivery made;
  made.message = id(number);
  made.destination = kHost;
  return made;
}

/// Brings message 1, whose first chunk came before.
Batch intake() {
  Batch batch;
  batch.emplace_back(PutMessage{message(1, 2)});
  batch.emplace_back(PutChunk{id(1), 1, "x"});
  batch.emplace_back(PutDelivery{delivery(1)});
  return batch;
}

TEST(Edits, undo_removes_what_a_failed_batch_would_have_brought) {
  const Edits want = {{Column::messages, message_key(id(1)), std::nullopt},
                      {Column::bodies, chunk_key(id(1), 1), std::nullopt},
                      {Column::deliveries, delivery_key(id(1), kHost), std::nullopt},
                      {Column::meta, open_body_key(id(1)), ""}};
  EXPECT_EQ(undo_edits(to_edits(intake())), want);
}

TEST(Edits, a_failed_outcome_is_not_undone_in_part_lest_message_and_notice_are_lost_together) {
  struct Case {
    std::string name;
    Operation also;
  };
  const Case cases[] = {
      {"the last recipient bounced", RemoveDelivery{id(2), kHost}},
      {"the message goes with its last delivery", RemoveMessage{id(2), 1}},
      {"one recipient bounced, others wait; or a notice of delay", PutDelivery{delivery(2)}},
      {"a record of another part", PutRecord{kPolicies, "key", "value"}},
      {"a record of another part that looks like the message's",
       PutRecord{kPolicies, message_key(id(1)), "value"}},
      {"removal of a record", RemoveRecord{kPolicies, "key"}},
      {"a suspended destination", PutRecord{kSuspensions, "b.example", "value"}},
      {"a chunk of another body", PutChunk{id(2), 0, "x"}},
      {"removal of the same message", RemoveDelivery{id(1), kHost}},
  };
  for (const Case& row : cases) {
    Batch batch = intake();
    batch.insert(batch.begin(), row.also);
    EXPECT_TRUE(undo_edits(to_edits(batch)).empty()) << row.name << ", first";
    batch = intake();
    batch.push_back(row.also);
    EXPECT_TRUE(undo_edits(to_edits(batch)).empty()) << row.name << ", last";
  }
}

TEST(Edits, undo_leaves_updates_and_removals_alone) {
  Batch batch;
  batch.emplace_back(PutDelivery{delivery(1)});
  batch.emplace_back(RemoveMessage{id(2), 3});
  EXPECT_TRUE(undo_edits(to_edits(std::move(batch))).empty());
}

TEST(Edits, tables_do_not_run_into_each_other) {
  EXPECT_TRUE(record_key("policies", "a.example").starts_with(table_prefix("policies")));
  EXPECT_FALSE(record_key("policies2", "a.example").starts_with(table_prefix("policies")));
}

}  // namespace
}  // namespace fulmar::queue
