// Certificates on demand, for tests: roots, intermediates and leaves with any name, age or defect.
// Keys are P-256, so that a test may make dozens. A call that OpenSSL refuses aborts the test
// program.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "tls/openssl_ptr.h"

namespace fulmar::fakes {

/// What a certificate says; every field has the ordinary value.
struct CertificateSpec {
  std::string common_name = "test";
  std::vector<std::string> dns_names;       ///< SAN dNSName; empty: no SAN at all.
  std::chrono::seconds begins_in{-86'400};  ///< From now.
  std::chrono::seconds ends_in{86'400};     ///< From now.
  bool authority = false;
  int path_length = -1;  ///< Of an authority; -1: not limited.
};

/// A certificate with its private key.
struct Identity {
  tls::X509Ptr certificate;
  tls::EvpKeyPtr key;

  [[nodiscard]] std::string certificate_pem() const {
    const tls::BioPtr out(BIO_new(BIO_s_mem()));
    FULMAR_CHECK(PEM_write_bio_X509(out.get(), certificate.get()) == 1);
    return text_of(out.get());
  }
  [[nodiscard]] std::string key_pem() const {
    const tls::BioPtr out(BIO_new(BIO_s_mem()));
    FULMAR_CHECK(
        PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(out.get());
  }
  [[nodiscard]] std::string certificate_der() const {
    unsigned char* data = nullptr;
    const int size = i2d_X509(certificate.get(), &data);
    return take_der(data, size);
  }
  /// SubjectPublicKeyInfo.
  [[nodiscard]] std::string spki_der() const {
    unsigned char* data = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &data);
    return take_der(data, size);
  }

 private:
  static std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return std::string(data, static_cast<std::size_t>(size));
  }
  static std::string take_der(unsigned char* data, int size) {
    FULMAR_CHECK(size > 0);
    std::string octets(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(data);
    return octets;
  }
};

namespace test_ca_detail {

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  FULMAR_CHECK(extension != nullptr);
  FULMAR_CHECK(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

inline void add_extensions(X509* certificate, X509* issuer, const CertificateSpec& spec) {
  if (spec.authority) {
    const std::string limit =
        spec.path_length < 0 ? "" : ",pathlen:" + std::to_string(spec.path_length);
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE" + limit);
    add_extension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  }
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  std::string names;
  for (const std::string& name : spec.dns_names)
    names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
}

inline Identity make(const CertificateSpec& spec, const Identity* issuer) {
  static std::atomic<long> serial{1};
  Identity made{tls::X509Ptr(X509_new()), tls::EvpKeyPtr(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  FULMAR_CHECK(certificate != nullptr && made.key != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), static_cast<long>(spec.begins_in.count()));
  X509_gmtime_adj(X509_getm_notAfter(certificate), static_cast<long>(spec.ends_in.count()));
  X509_set_pubkey(certificate, made.key.get());
  const auto* name = reinterpret_cast<const unsigned char*>(spec.common_name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, name, -1, -1,
                             0);
  X509* signer = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extensions(certificate, signer, spec);
  EVP_PKEY* key = issuer == nullptr ? made.key.get() : issuer->key.get();
  FULMAR_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
  return made;
}

}  // namespace test_ca_detail

/// A certificate that signs itself: a root when spec.authority.
[[nodiscard]] inline Identity make_self_signed(const CertificateSpec& spec) {
  return test_ca_detail::make(spec, nullptr);
}

/// A certificate signed by `issuer`, authority or not.
[[nodiscard]] inline Identity issue(const Identity& issuer, const CertificateSpec& spec) {
  return test_ca_detail::make(spec, &issuer);
}

/// The usual root.
[[nodiscard]] inline Identity make_root(const std::string& common_name = "test root") {
  return make_self_signed({.common_name = common_name, .dns_names = {}, .authority = true});
}

/// For what takes a path: certificates, keys, bundles.
inline void write_pem(const std::string& path, const std::string& pem) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << pem;
  FULMAR_CHECK(file.flush().good());
}

}  // namespace fulmar::fakes
