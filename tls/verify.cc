#include "tls/verify.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "tls/certificate_facts.h"
#include "tls/openssl_ptr.h"

namespace fulmar::tls {
namespace {

constexpr std::size_t kMaxChain = 10;
constexpr std::size_t kMaxRecordsShown = 3;
constexpr std::size_t kMaxRecordText = 150;  // a SHA2-512 record in full
constexpr int kStrongEnough = 2;             // 112 bits, RFC 9325 §4.5

std::string shown(const resolver::TlsaRecord& record) {
  return '"' + sanitize_line(resolver::to_string(record), kMaxRecordText) + '"';
}

/// Appended to a failure, so that the line tells both sides of the comparison.
std::string about_leaf(const VerifyOutcome& outcome) {
  return outcome.chain.empty() ? "" : "; certificate: " + describe(outcome.chain.front());
}

/// "published "3 1 1 aa…" but the certificate has "3 1 1 bb…"".
std::string compare_records(X509* leaf, const std::vector<resolver::TlsaRecord>& records) {
  std::string text;
  for (std::size_t i = 0; i < records.size() && i < kMaxRecordsShown; ++i) {
    resolver::TlsaRecord presented = records[i];
    presented.usage = 3;
    presented.data = association_data(leaf, records[i]);
    text += (i == 0 ? "; published " : ", ") + shown(records[i]) +
            (records[i].usage == 3 ? " but the certificate has " + shown(presented)
                                   : " but no presented issuer fits");
  }
  if (records.size() > kMaxRecordsShown) {
    text += ", and " + std::to_string(records.size() - kMaxRecordsShown) + " more";
  }
  return text;
}

template <class Names, class Text>
std::string join(const Names& names, Text text_of) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + std::invoke(text_of, name);
  return text;
}

std::string describe_dane_failure(long result, X509* leaf, const TlsDecision& decision) {
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return "the certificate names none of " + join(decision.reference_names, &Domain::str) +
             " (DANE-TA)";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return std::string("the chain to the DANE-TA record fails: ") +
             X509_verify_cert_error_string(result);
    default:
      return "no TLSA record matches" + compare_records(leaf, decision.tlsa) +
             "; verification says: " + X509_verify_cert_error_string(result);
  }
}

/// The record that OpenSSL matched, or nothing. A verification that succeeded without a record
/// (there are none, or all were unusable) proves nothing by DANE: an authority depth below 0 says
/// so.
std::optional<resolver::TlsaRecord> matched_record(SSL* ssl) {
  if (SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
  if (SSL_get0_dane_authority(ssl, nullptr, nullptr) < 0) return std::nullopt;
  resolver::TlsaRecord record;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_get0_dane_tlsa(ssl, &record.usage, &record.selector, &record.matching_type, &data,
                         &size) < 0) {
    return std::nullopt;
  }
  if (data == nullptr || (record.usage != 2 && record.usage != 3)) return std::nullopt;
  record.data.assign(reinterpret_cast<const char*>(data), size);
  return record;
}

std::optional<Error> check_dane(SSL* ssl, X509* leaf, const TlsDecision& decision,
                                VerifyOutcome& outcome) {
  if (const auto record = matched_record(ssl)) {
    outcome.matched_record = resolver::to_string(*record);
    return std::nullopt;
  }
  return make_error(
      Errc::dane_mismatch,
      describe_dane_failure(SSL_get_verify_result(ssl), leaf, decision) + about_leaf(outcome));
}

/// Which names a certificate may have, and the class of failure when it has none of them, or does
/// not verify.
struct PkixDemand {
  std::vector<conf::DomainPattern> names;
  Errc failure = Errc::sts_certificate;
};

/// RFC 8461 §4.2: the MX host, never the pattern that lists it.
PkixDemand sts_demand(const TlsDecision& decision) {
  return {{conf::DomainPattern::exactly(decision.host)}, Errc::sts_certificate};
}

PkixDemand pkix_demand(const TlsDecision& decision) {
  if (decision.level == TlsLevel::secure) return {decision.pkix_names, Errc::rule_certificate};
  return sts_demand(decision);
}

bool add_names(X509_VERIFY_PARAM* param, const std::vector<conf::DomainPattern>& names) {
  // OpenSSL takes an empty name, and the want of any, for "any name".
  const auto means_any = [](const conf::DomainPattern& name) { return name.name.is_root(); };
  if (names.empty() || std::ranges::any_of(names, means_any)) return false;
  return std::ranges::all_of(names, [&](const conf::DomainPattern& name) {
    const std::string text = name.str();  // ".example.com" means names below, to OpenSSL too
    return X509_VERIFY_PARAM_add1_host(param, text.c_str(), text.size()) == 1;
  });
}

/// Everything PKIX verification of a mail host asks for. RFC 8461 §4.2
bool set_up_pkix(X509_STORE_CTX* verification, const std::vector<conf::DomainPattern>& names) {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(verification);
  // RFC 9325 §4.5 for keys and signatures; TRUSTED_FIRST finds the way around expired
  // cross-signatures (pitfall 26).
  X509_VERIFY_PARAM_set_auth_level(param, kStrongEnough);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return X509_STORE_CTX_set_default(verification, "ssl_server") == 1 &&
         X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST) == 1 &&
         add_names(param, names);
}

std::optional<Error> check_pkix(SSL* ssl, X509* leaf, const PkixDemand& demand,
                                const ClientContext& context, const VerifyOutcome& outcome) {
  const X509StoreCtxPtr verification(X509_STORE_CTX_new());
  const std::string whose = "certificate for " + join(demand.names, &conf::DomainPattern::str);
  if (verification == nullptr ||
      X509_STORE_CTX_init(verification.get(), context.trust_store(), leaf,
                          SSL_get_peer_cert_chain(ssl)) != 1 ||
      !set_up_pkix(verification.get(), demand.names)) {
    return make_error(demand.failure, whose + " not verified: " + take_openssl_error());
  }
  if (X509_verify_cert(verification.get()) == 1) return std::nullopt;
  const int result = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  return make_error(
      demand.failure,
      whose + " does not verify: " + X509_verify_cert_error_string(result) + about_leaf(outcome));
}

/// RFC 9325 §3.5, §4.4: what TLS 1.2 needs so that nobody can splice sessions together. Where a
/// policy is owed, a session without them is no better than a failed handshake.
std::optional<Error> check_tls12_extensions(SSL* ssl, const TlsDecision& decision) {
  if (SSL_version(ssl) != TLS1_2_VERSION) return std::nullopt;
  if (SSL_get_extms_support(ssl) == 1 && SSL_get_secure_renegotiation_support(ssl) == 1) {
    return std::nullopt;
  }
  return make_error(no_tls_failure(decision),
                    "the host speaks TLS 1.2 without extended_master_secret or renegotiation_info");
}

std::vector<CertificateFacts> read_chain(SSL* ssl) {
  std::vector<CertificateFacts> facts;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  const int presented = chain == nullptr ? 0 : sk_X509_num(chain);
  for (int i = 0; i < presented && facts.size() < kMaxChain; ++i) {
    facts.push_back(read_facts(sk_X509_value(chain, i)));
  }
  return facts;
}

/// What the decision's level, and MTA-STS beside it, demand of the certificate.
std::optional<Error> check_owed(SSL* ssl, X509* leaf, const TlsDecision& decision,
                                const ClientContext& context, VerifyOutcome& outcome) {
  const bool dane = decision.level == TlsLevel::dane || decision.level == TlsLevel::dane_host_only;
  const bool pkix = decision.level == TlsLevel::sts || decision.level == TlsLevel::secure ||
                    decision.sts_must_pass;
  if (!dane && !pkix) return std::nullopt;
  const PkixDemand demand = pkix_demand(decision);
  if (leaf == nullptr) {
    return make_error(dane ? Errc::dane_mismatch : demand.failure,
                      "the host presented no certificate");
  }
  if (decision.enforced) {
    if (auto failure = check_tls12_extensions(ssl, decision)) return failure;
  }
  if (dane) {
    if (auto failure = check_dane(ssl, leaf, decision, outcome)) return failure;
  }
  if (pkix) return check_pkix(ssl, leaf, demand, context, outcome);
  return std::nullopt;
}

std::optional<Error> check_testing(SSL* ssl, X509* leaf, const TlsDecision& decision,
                                   const ClientContext& context, const VerifyOutcome& outcome) {
  if (!decision.sts_testing) return std::nullopt;
  if (decision.sts_testing_failure) return decision.sts_testing_failure;
  if (leaf == nullptr) {
    return make_error(Errc::sts_certificate, "the host presented no certificate");
  }
  return check_pkix(ssl, leaf, sts_demand(decision), context, outcome);
}

/// A session that proved what it owed may be called by its level; TLS without a policy is still
/// encryption.
TlsLevel earned(const TlsDecision& decision, const VerifyOutcome& outcome) {
  if (outcome.failure || decision.level <= TlsLevel::opportunistic) return TlsLevel::encrypt;
  return decision.level;
}

}  // namespace

VerifyOutcome verify_session(SSL* ssl, const TlsDecision& decision, const ClientContext& context) {
  FULMAR_CHECK(SSL_is_init_finished(ssl) == 1);
  VerifyOutcome outcome;
  outcome.protocol = SSL_get_version(ssl);
  outcome.cipher = SSL_get_cipher_name(ssl);
  outcome.chain = read_chain(ssl);
  X509* leaf = SSL_get0_peer_certificate(ssl);
  outcome.failure = check_owed(ssl, leaf, decision, context, outcome);
  outcome.testing_failure = check_testing(ssl, leaf, decision, context, outcome);
  outcome.achieved = earned(decision, outcome);
  if (!outcome.failure) return outcome;
  if (decision.enforced) {
    outcome.failure = as_demanded(decision, *std::move(outcome.failure));
  } else {
    outcome.waived = std::exchange(outcome.failure, std::nullopt);
  }
  return outcome;
}

}  // namespace fulmar::tls
