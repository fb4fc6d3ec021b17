#include "base/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace fulmar {
namespace {

// RFC 4648 §10.
TEST(Base64, vectors_of_the_standard) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : vectors) {
    EXPECT_EQ(base64(octets), text);
    EXPECT_EQ(decode_base64(text), octets);
  }
}

TEST(Base64, AUT_02_only_the_strict_form_is_decoded) {
  for (const std::string text : {"Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==",
                                 "Zm9v\r\n", " Zm9v", "Zm-v", "Zm_v", "Zm9v=", "=m9v", "Z=9v"})
    EXPECT_FALSE(decode_base64(text)) << text;
}

TEST(Base64, every_octet_comes_back) {
  std::string all;
  for (int c = 0; c < 256; ++c) {
    all += static_cast<char>(c);
    EXPECT_EQ(decode_base64(base64(all)), all);
  }
}

}  // namespace
}  // namespace fulmar
