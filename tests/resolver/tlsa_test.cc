#include "resolver/tlsa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fulmar::resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TlsaRecord record(int usage, int selector, int matching_type, std::size_t length) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector),
          static_cast<std::uint8_t>(matching_type), std::string(length, '\x5a')};
}

std::vector<TlsaRecord> select_by_default(const std::vector<TlsaRecord>& published) {
  return select_usable(published, conf::Dane{}.digests);
}

struct Case {
  const char* name;
  TlsaRecord record;
  bool want;
};

TEST(Tlsa, DANE_35_DANE_36_usability) {
  const Case cases[] = {
      {"3 1 1", record(3, 1, 1, 32), true},
      {"2 0 1", record(2, 0, 1, 32), true},
      {"3 1 2 (DANE-37)", record(3, 1, 2, 64), true},
      {"2 0 0", record(2, 0, 0, 900), true},
      {"PKIX-TA", record(0, 0, 1, 32), false},
      {"PKIX-EE", record(1, 1, 1, 32), false},
      {"usage 4", record(4, 1, 1, 32), false},
      {"usage 255", record(255, 1, 1, 32), false},
      {"selector 2", record(3, 2, 1, 32), false},
      {"selector 7", record(3, 7, 1, 32), false},
      {"matching type 3", record(3, 1, 3, 48), false},
      {"SHA2-256 short", record(3, 1, 1, 31), false},
      {"SHA2-256 long", record(3, 1, 1, 33), false},
      {"SHA2-512 of 32 octets", record(3, 1, 2, 32), false},
      {"SHA2-256 of 64 octets", record(3, 1, 1, 64), false},
      {"no data", record(3, 1, 1, 0), false},
      {"Full without data", record(3, 1, 0, 0), false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(is_usable(c.record), c.want) << c.name;
}

TEST(Tlsa, DANE_38_only_the_strongest_digest_and_full_stay) {
  const auto weak = record(3, 1, 1, 32);
  const auto strong = record(3, 1, 2, 64);
  const auto full = record(3, 1, 0, 100);
  EXPECT_THAT(select_by_default({weak, full, strong}), ElementsAre(full, strong));
  EXPECT_THAT(select_by_default({weak, full}), ElementsAre(weak, full));
}

TEST(Tlsa, DANE_38_the_order_of_digests_is_the_operators) {
  using conf::Digest;
  const auto weak = record(3, 1, 1, 32);
  const auto strong = record(3, 1, 2, 64);
  const auto full = record(3, 1, 0, 100);
  struct OrderCase {
    const char* name;
    std::vector<Digest> digests;
    std::vector<TlsaRecord> want;
  };
  const OrderCase cases[] = {
      {"as suggested", {Digest::sha512, Digest::sha256}, {full, strong}},
      {"turned round", {Digest::sha256, Digest::sha512}, {weak, full}},
      {"what is not listed counts last", {Digest::sha256}, {weak, full}},
      {"the other one alone", {Digest::sha512}, {full, strong}},
      {"no order at all: all are alike", {}, {weak, full, strong}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(select_usable({weak, full, strong}, c.digests), c.want) << c.name;
    EXPECT_THAT(select_usable({strong}, c.digests), ElementsAre(strong)) << c.name;
  }
}

TEST(Tlsa, DANE_38_agility_is_per_usage_and_selector) {
  const auto ee_spki = record(3, 1, 1, 32);
  const auto ee_cert = record(3, 0, 2, 64);
  const auto ta_spki = record(2, 1, 2, 64);
  EXPECT_THAT(select_by_default({ee_spki, ee_cert, ta_spki}),
              ElementsAre(ee_spki, ee_cert, ta_spki));
}

TEST(Tlsa, DANE_38_an_unusable_record_outranks_nothing) {
  const auto weak = record(3, 1, 1, 32);
  EXPECT_THAT(select_by_default({weak, record(3, 1, 2, 63), record(3, 1, 9, 64)}),
              ElementsAre(weak));
}

TEST(Tlsa, DANE_50_rollover_pairs_stay) {
  auto current = record(3, 1, 1, 32);
  auto next = record(3, 1, 1, 32);
  next.data[0] = 'x';
  EXPECT_THAT(select_by_default({current, next}), ElementsAre(current, next));
}

TEST(Tlsa, DANE_32_nothing_usable) {
  EXPECT_THAT(select_by_default({record(1, 1, 1, 32), record(3, 1, 1, 5)}), IsEmpty());
  EXPECT_THAT(select_by_default({}), IsEmpty());
}

}  // namespace
}  // namespace fulmar::resolver
