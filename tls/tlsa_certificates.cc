#include "tls/tlsa_certificates.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <string>
#include <vector>

#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

constexpr std::uint8_t kFull = 0;          // RFC 7218 §2.3
constexpr std::uint8_t kSelectorCert = 0;  // RFC 7218 §2.2

/// The object that is the whole of `data`. What stands behind the DER would make the record match
/// nothing. `data` come from one DNS message and so are at most 64 KB.
template <class Pointer, auto kDecode>
Pointer decode_whole(const std::string& data) {
  const auto* at = reinterpret_cast<const unsigned char*>(data.data());
  const unsigned char* const end = at + data.size();
  Pointer decoded(kDecode(nullptr, &at, static_cast<long>(data.size())));
  if (at != end) decoded.reset();
  return decoded;
}

bool parses(const resolver::TlsaRecord& record) {
  if (record.selector != kSelectorCert) {
    return decode_whole<EvpKeyPtr, &d2i_PUBKEY>(record.data) != nullptr;
  }
  const auto certificate = decode_whole<X509Ptr, &d2i_X509>(record.data);
  // Reading the key is left to its first use.
  return certificate != nullptr && X509_get0_pubkey(certificate.get()) != nullptr;
}

}  // namespace

void drop_unparsable(resolver::TlsaLookup& lookup) {
  if (lookup.status != resolver::TlsaStatus::usable) return;
  // Digest agility came before and need not be repeated: a Full(0) record outranks no digest, so
  // without it the others stand as they would have stood. RFC 7671 §9
  std::erase_if(lookup.usable, [](const resolver::TlsaRecord& record) {
    return record.matching_type == kFull && !parses(record);
  });
  ERR_clear_error();
  if (lookup.usable.empty()) lookup.status = resolver::TlsaStatus::unusable;
}

}  // namespace fulmar::tls
