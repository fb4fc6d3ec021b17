#include "tls/tlsa_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>
#include <vector>

#include "tests/fakes/test_ca.h"

namespace fulmar::tls {
namespace {

using resolver::TlsaLookup;
using resolver::TlsaRecord;
using resolver::TlsaStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TlsaLookup lookup_of(std::vector<TlsaRecord> records) {
  TlsaLookup lookup;
  lookup.published = records;
  lookup.usable = resolver::select_usable(records, conf::Dane{}.digests);
  lookup.status = lookup.usable.empty() ? TlsaStatus::unusable : TlsaStatus::usable;
  return lookup;
}

TlsaRecord full(int usage, int selector, std::string data) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector), 0,
          std::move(data)};
}

class TlsaCertificates : public testing::Test {
 protected:
  const fakes::Identity identity_ = fakes::make_root();
  const std::string certificate_ = identity_.certificate_der();
  const std::string key_ = identity_.spki_der();
  /// An Ed25519-shaped key of an algorithm that nobody has: OID 1.3.101.127.
  const std::string unknown_key_ =
      std::string("\x30\x2a\x30\x05\x06\x03\x2b\x65\x7f\x03\x21", 11) + std::string(33, '\0');
};

TEST_F(TlsaCertificates, DANE_36_full_records_must_be_a_certificate_or_a_key) {
  struct Case {
    const char* name;
    TlsaRecord record;
    bool stays;
  };
  const std::string cut(certificate_.substr(0, certificate_.size() - 1));
  const Case cases[] = {
      {"3 0 0 with a certificate", full(3, 0, certificate_), true},
      {"2 0 0 with a certificate", full(2, 0, certificate_), true},
      {"3 1 0 with a key", full(3, 1, key_), true},
      {"2 1 0 with a key", full(2, 1, key_), true},
      {"3 0 0 with a key", full(3, 0, key_), false},
      {"3 1 0 with a certificate", full(3, 1, certificate_), false},
      {"no DER at all", full(3, 0, "certificate"), false},
      {"one octet", full(2, 0, "\x30"), false},
      {"a certificate cut short", full(3, 0, cut), false},
      {"octets behind the certificate", full(3, 0, certificate_ + '\0'), false},
      {"two certificates", full(2, 0, certificate_ + certificate_), false},
      {"octets behind the key", full(3, 1, key_ + 'x'), false},
      {"a key cut short", full(3, 1, key_.substr(0, 20)), false},
      {"a key of an unknown algorithm", full(3, 1, unknown_key_), false},
      {"a length of 64 GB", full(3, 0, "\x30\x85\x0f\xff\xff\xff\xff"), false},
      {"a digest is not looked at", {3, 1, 1, std::string(32, 'x')}, true},
  };
  for (const auto& c : cases) {
    auto lookup = lookup_of({c.record});
    ASSERT_EQ(lookup.status, TlsaStatus::usable) << c.name;
    drop_unparsable(lookup);
    EXPECT_EQ(lookup.usable.size(), c.stays ? 1U : 0U) << c.name;
    EXPECT_EQ(lookup.status, c.stays ? TlsaStatus::usable : TlsaStatus::unusable) << c.name;
    EXPECT_THAT(lookup.published, ElementsAre(c.record)) << c.name;
    EXPECT_EQ(ERR_peek_error(), 0U) << c.name;
  }
}

TEST_F(TlsaCertificates, DANE_36_what_is_dropped_leaves_the_others_as_they_are) {
  const TlsaRecord weak{3, 1, 1, std::string(32, 'x')};
  const TlsaRecord strong{3, 1, 2, std::string(64, 'x')};
  const auto good = full(3, 1, key_);
  auto lookup = lookup_of({weak, full(3, 1, "garbage"), strong, good, full(2, 0, "garbage")});
  drop_unparsable(lookup);
  EXPECT_EQ(lookup.status, TlsaStatus::usable);
  EXPECT_THAT(lookup.usable, ElementsAre(strong, good));
  auto alone = lookup_of({weak, full(3, 1, "garbage")});
  drop_unparsable(alone);
  EXPECT_THAT(alone.usable, ElementsAre(weak));
}

TEST_F(TlsaCertificates, other_states_stay) {
  for (const auto status :
       {TlsaStatus::not_applicable, TlsaStatus::unusable, TlsaStatus::lookup_failed}) {
    TlsaLookup lookup;
    lookup.status = status;
    drop_unparsable(lookup);
    EXPECT_EQ(lookup.status, status);
    EXPECT_THAT(lookup.usable, IsEmpty());
  }
}

}  // namespace
}  // namespace fulmar::tls
