// What a queued delivery costs in memory, all of it: asked of the allocator.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "queue/scheduler.h"

namespace {

// What malloc adds to a block and rounds it up to.
constexpr std::size_t kHead = 8;
constexpr std::size_t kStep = 16;

// Of this thread: blocks allocated and not freed again are counted by those who only grow.
thread_local std::size_t allocated = 0;

void* allocate(std::size_t size) {
  allocated += (size + kHead + kStep - 1) / kStep * kStep;
  void* block = std::malloc(size);  // NOLINT
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void operator delete(void* block) noexcept {
  std::free(block);  // NOLINT
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);  // NOLINT
}

namespace fulmar::queue {
namespace {

MessageId id(std::uint32_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  for (int i = 0; i < 4; ++i)
    bytes[8 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return MessageId::from_bytes(bytes);
}

TEST(ScheduleMemory, pitfall_93_a_queued_delivery_takes_256_octets_at_most) {
  constexpr std::uint32_t kCount = 100'000;
  std::vector<MailHost> hosts;
  for (int i = 0; i < 1000; ++i) {
    hosts.emplace_back(
        Domain::parse("customer-" + std::to_string(i) + ".mail.example.com").value());
  }
  Scheduler scheduler({});
  const std::size_t before = allocated;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const DeliveryKey key{id(i), hosts[i % hosts.size()]};
    scheduler.add(key, {.attempt = UtcTime(std::chrono::milliseconds(i))});
  }
  // The keys made on the way and the growth of tables are in it, too.
  const std::size_t each = (allocated - before) / kCount;
  RecordProperty("octets", static_cast<int>(each));
  EXPECT_LE(each, 256U);
  EXPECT_GE(each, 64U) << "the count does not see the allocations";
}

}  // namespace
}  // namespace fulmar::queue
