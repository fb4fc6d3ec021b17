#include "mta/intake/scram_prep.h"

#include <gsasl.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/ascii.h"

namespace fulmar::intake {
namespace {

struct WipeAndFree {
  void operator()(char* text) const {
    OPENSSL_cleanse(text, std::strlen(text));
    gsasl_free(text);
  }
};

}  // namespace

std::optional<std::string> saslprep(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (std::ranges::all_of(text, is_printable)) return text;
  char* made = nullptr;
  const int code = gsasl_saslprep(text.c_str(), GSASL_ALLOW_UNASSIGNED, &made, nullptr);
  const std::unique_ptr<char, WipeAndFree> prepared(made);
  if (code != GSASL_OK || *prepared == '\0') return std::nullopt;
  return std::string(prepared.get());
}

}  // namespace fulmar::intake
