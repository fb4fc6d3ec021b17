// What any certificate says of itself, as logs, explain and notices show it: short lines of text
// that no terminal takes for a command, and times that have a form.
#include <openssl/x509.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ascii.h"
#include "base/check.h"
#include "tls/certificate_facts.h"
#include "tls/openssl_ptr.h"

using namespace fulmar;
using namespace fulmar::tls;

namespace {

constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxNames = 20;

bool is_harmless(std::string_view text) {
  return is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

void check_text(std::string_view text) {
  FULMAR_CHECK(text.size() <= kMaxText);
  FULMAR_CHECK(is_harmless(text));
}

void check_hex_digest(std::string_view text) {
  constexpr std::size_t kSha256Digits = 64;
  FULMAR_CHECK(text.empty() || text.size() == kSha256Digits);
  FULMAR_CHECK(text.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const X509Ptr certificate(d2i_X509(nullptr, &data, static_cast<long>(size)));
  if (certificate == nullptr) return 0;
  const CertificateFacts facts = read_facts(certificate.get());
  check_text(facts.subject);
  check_text(facts.issuer);
  FULMAR_CHECK(facts.names.size() <= kMaxNames);
  for (const std::string& name : facts.names)
    check_text(name);
  check_hex_digest(facts.spki_sha256);
  FULMAR_CHECK(is_harmless(to_iso8601(facts.not_before) + to_iso8601(facts.not_after)));
  FULMAR_CHECK(is_harmless(describe(facts)));
  return 0;
}
