// A client of SCRAM-SHA-256 that can be made to lie. RFC 5802 §3, §5.1
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <string_view>

#include "base/base64.h"

namespace fulmar::intake {

inline std::string hmac_sha256(const std::string& key, std::string_view text) {
  std::string result(32, '\0');
  EXPECT_NE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                 reinterpret_cast<unsigned char*>(result.data()), nullptr),
            nullptr);
  return result;
}

inline std::string sha256(const std::string& text) {
  std::string result(32, '\0');
  EXPECT_EQ(EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(result.data()),
                       nullptr, EVP_sha256(), nullptr),
            1);
  return result;
}

inline std::string exclusive_or(std::string one, const std::string& other) {
  for (std::size_t i = 0; i < one.size(); ++i)
    one[i] = static_cast<char>(one[i] ^ other.at(i));
  return one;
}

/// Of a server's first message, or anything that is written so: what stands behind "r=" and the
/// like.
inline std::string scram_value(const std::string& message, char name) {
  const std::string all = ',' + message;
  const auto at = all.find(std::string(",") + name + '=');
  if (at == std::string::npos) return {};
  return all.substr(at + 3, all.find(',', at + 1) - at - 3);
}

struct ScramClient {
  std::string user = "shop";  ///< As it is written: escaped.
  std::string password = "secret";
  std::string header = "n,,";
  std::string bound{};  ///< What it says that its header was; empty: the truth.
  std::string nonce = "rOprNGfwEbeRWgbNEkqO";
  std::string more_nonce{};    ///< At the end of the nonce that it sends back.
  std::string server_final{};  ///< What the server must say at the end, after last().

  [[nodiscard]] std::string bare() const { return "n=" + user + ",r=" + nonce; }
  [[nodiscard]] std::string first() const { return header + bare(); }

  std::string last(const std::string& server_first) {
    const std::string salt = decode_base64(scram_value(server_first, 's')).value_or("");
    std::string salted(32, '\0');
    EXPECT_EQ(
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                          reinterpret_cast<const unsigned char*>(salt.data()),
                          static_cast<int>(salt.size()), std::stoi(scram_value(server_first, 'i')),
                          EVP_sha256(), 32, reinterpret_cast<unsigned char*>(salted.data())),
        1);
    const std::string without_proof = "c=" + base64(bound.empty() ? header : bound) +
                                      ",r=" + scram_value(server_first, 'r') + more_nonce;
    const std::string all = bare() + ',' + server_first + ',' + without_proof;
    const std::string client_key = hmac_sha256(salted, "Client Key");
    const std::string proof = exclusive_or(client_key, hmac_sha256(sha256(client_key), all));
    server_final = "v=" + base64(hmac_sha256(hmac_sha256(salted, "Server Key"), all));
    return without_proof + ",p=" + base64(proof);
  }
};

}  // namespace fulmar::intake
