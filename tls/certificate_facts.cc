#include "tls/certificate_facts.h"

#include <openssl/evp.h>

#include <ctime>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/hex.h"
#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxNames = 20;
constexpr std::size_t kMaxNamesShown = 5;
constexpr std::uint8_t kSelectorSpki = 1;  // RFC 6698 §2.1.2

std::string name_text(const X509_NAME* name) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  if (memory == nullptr || X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253) < 0)
    return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  if (size <= 0) return {};
  return sanitize_line(std::string_view(data, static_cast<std::size_t>(size)), kMaxText);
}

std::vector<std::string> dns_names(X509* certificate) {
  std::vector<std::string> found;
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* octets = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    found.push_back(sanitize_line(std::string_view(octets, size), kMaxText));
    if (found.size() == kMaxNames) break;
  }
  return found;
}

/// The DER of the certificate or of its public key. RFC 6698 §2.1.2
std::string der(X509* certificate, std::uint8_t selector) {
  unsigned char* data = nullptr;
  const int size = selector == kSelectorSpki
                       ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &data)
                       : i2d_X509(certificate, &data);
  if (size <= 0) return {};
  std::string octets(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return octets;
}

std::string digest(std::string_view octets, const EVP_MD* algorithm) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
                 algorithm, nullptr) != 1) {
    return {};
  }
  out.resize(size);
  return out;
}

}  // namespace

UtcTime utc_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  const std::chrono::year_month_day date{
      std::chrono::year(parts.tm_year + 1900),
      std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
      std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  return std::chrono::sys_days(date) + std::chrono::hours(parts.tm_hour) +
         std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
}

CertificateFacts read_facts(X509* certificate) {
  return {.subject = name_text(X509_get_subject_name(certificate)),
          .issuer = name_text(X509_get_issuer_name(certificate)),
          .not_before = utc_time(X509_get0_notBefore(certificate)),
          .not_after = utc_time(X509_get0_notAfter(certificate)),
          .names = dns_names(certificate),
          .spki_sha256 = to_hex(digest(der(certificate, kSelectorSpki), EVP_sha256()))};
}

std::string describe(const CertificateFacts& facts) {
  std::string text = "subject \"" + facts.subject + "\", issuer \"" + facts.issuer + "\", valid " +
                     to_iso8601(facts.not_before) + " to " + to_iso8601(facts.not_after) + ", ";
  if (facts.names.empty()) return text + "no names";
  text += "names";
  for (std::size_t i = 0; i < facts.names.size() && i < kMaxNamesShown; ++i) {
    text += ' ' + facts.names[i];
  }
  return facts.names.size() > kMaxNamesShown ? text + " and more" : text;
}

std::string association_data(X509* certificate, const resolver::TlsaRecord& like) {
  std::string octets = der(certificate, like.selector);
  switch (like.matching_type) {
    case 0:
      return octets;
    case 1:
      return digest(octets, EVP_sha256());
    case 2:
      return digest(octets, EVP_sha512());
    default:
      return {};
  }
}

}  // namespace fulmar::tls
