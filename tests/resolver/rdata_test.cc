#include "resolver/rdata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fulmar::resolver {
namespace {

using namespace std::string_literals;

template <class T>
bool is_malformed(const Result<T>& result) {
  return !result && result.error().code == Errc::dns_malformed;
}

Domain domain(std::string_view text) {
  return Domain::parse(text).value();
}

struct NameCase {
  const char* name;
  std::string rdata;
  const char* want;  // nullptr: malformed
};

TEST(Rdata, names) {
  const std::string label63 = "\x3f" + std::string(63, 'a');
  const NameCase cases[] = {
      {"two labels", "\2mx\1b\0"s, "mx.b"},
      {"pitfall 6: upper case is lowered", "\2MX\4Test\0"s, "mx.test"},
      {"the root", "\0"s, "."},
      {"pitfall 50: underscore", "\3_mx\1a\4test\0"s, "_mx.a.test"},
      {"A-label stays", "\15xn--bcher-kva\4test\0"s, "xn--bcher-kva.test"},
      {"longest label", label63 + "\0"s,
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
      {"empty", "", nullptr},
      {"without end", "\2mx"s, nullptr},
      {"label over the end", "\7mx\0"s, nullptr},
      {"label up to the end", "\2mx\1"s, nullptr},
      {"octets after the end", "\2mx\0x"s, nullptr},
      {"compression pointer", "\2mx\xc0\x0c"s, nullptr},
      {"extended label type", "\x41x\0"s, nullptr},
      {"dot inside a label", "\3m.x\0"s, nullptr},
      {"NUL inside a label", "\3m\0x\0"s, nullptr},
      {"space inside a label", "\3m x\0"s, nullptr},
      {"newline inside a label", "\3m\nx\0"s, nullptr},
      {"8-bit label", "\3m\xfcx\0"s, nullptr},
      {"four longest labels are 257 octets", label63 + label63 + label63 + label63 + "\0"s,
       nullptr},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto got = parse_name_rdata(c.rdata);
    if (c.want == nullptr) {
      EXPECT_TRUE(is_malformed(got));
    } else {
      EXPECT_EQ(got.value(), domain(c.want));
    }
  }
}

TEST(Rdata, addresses) {
  EXPECT_EQ(parse_a_rdata("\xc0\x00\x02\x01"s).value().str(), "192.0.2.1");
  EXPECT_EQ(parse_aaaa_rdata("\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\1").value().str(),
            "2001:db8::1");
  for (const std::size_t size : {0, 3, 5, 16}) {
    EXPECT_TRUE(is_malformed(parse_a_rdata(std::string(size, 'x')))) << size;
  }
  for (const std::size_t size : {0, 4, 15, 17}) {
    EXPECT_TRUE(is_malformed(parse_aaaa_rdata(std::string(size, 'x')))) << size;
  }
}

TEST(Rdata, mx) {
  const auto record = parse_mx_rdata("\x01\x02\3mx1\1B\0"s).value();
  EXPECT_EQ(record, (MxRecord{258, domain("mx1.b")}));
  EXPECT_TRUE(parse_mx_rdata("\0\0\0"s).value().exchange.is_root());
  for (const auto& rdata : {""s, "\0"s, "\0\x0a"s, "\0\x0a\3mx"s}) {
    EXPECT_TRUE(is_malformed(parse_mx_rdata(rdata)));
  }
}

TEST(Rdata, txt_strings_are_joined) {
  EXPECT_EQ(parse_txt_rdata("\6v=STSv\3"
                            "1; \0\4id=1"s)
                .value()
                .text,
            "v=STSv1; id=1");
  EXPECT_EQ(parse_txt_rdata("\0"s).value().text, "");
  for (const auto& rdata : {""s, "\1"s, "\2a"s, "\1a\5b"s}) {
    EXPECT_TRUE(is_malformed(parse_txt_rdata(rdata)));
  }
}

TEST(Rdata, tlsa) {
  const auto record = parse_tlsa_rdata("\3\1\1\xab\x00"s).value();
  EXPECT_EQ(record, (TlsaRecord{3, 1, 1, "\xab\x00"s}));
  EXPECT_EQ(to_string(record), "3 1 1 ab00");
}

TEST(Rdata, pitfall_37_three_octet_tlsa_is_a_record_and_two_are_none) {
  EXPECT_EQ(parse_tlsa_rdata("\3\1\1"s).value(), (TlsaRecord{3, 1, 1, ""}));
  for (const auto& rdata : {""s, "\3"s, "\3\1"s}) {
    EXPECT_TRUE(is_malformed(parse_tlsa_rdata(rdata)));
  }
}

}  // namespace
}  // namespace fulmar::resolver
