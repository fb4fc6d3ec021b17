// A certificate against TLSA records of any shape. Three octets are usage, selector and matching
// type; the rest is a certificate, and the association data of the records as well.
#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "resolver/tlsa.h"
#include "tls/certificate_facts.h"
#include "tls/client_context.h"
#include "tls/openssl_ptr.h"

using namespace fulmar;
using namespace fulmar::tls;

namespace {

const ClientContext& context() {
  static const auto kContext = ClientContext::create({});
  FULMAR_CHECK(kContext.has_value());
  return **kContext;
}

/// Any record that counts must give a session: one that OpenSSL does not like is one that never
/// matches, no reason to drop what is owed.
void check_session(std::vector<resolver::TlsaRecord> usable) {
  TlsDecision decision;
  decision.level = TlsLevel::dane;
  decision.host = decision.sni = Domain::parse("mx.example").value();
  decision.reference_names = {decision.host};
  decision.tlsa = std::move(usable);
  FULMAR_CHECK(context().new_smtp_session(decision).has_value());
}

/// What a record of this shape would have to hold for `certificate`.
void check_association(X509* certificate, resolver::TlsaRecord record) {
  record.data = association_data(certificate, record);
  if (record.matching_type > 2) FULMAR_CHECK(record.data.empty());
  if (record.data.empty()) return;
  const bool known = (record.usage == 2 || record.usage == 3) && record.selector <= 1;
  FULMAR_CHECK(resolver::is_usable(record) == known);
  if (known) check_session({record});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 3), size - 3);
  const resolver::TlsaRecord record{
      .usage = data[0], .selector = data[1], .matching_type = data[2], .data = std::string(rest)};
  if (auto usable = resolver::select_usable({record}, conf::Dane{}.digests); !usable.empty()) {
    check_session(std::move(usable));
  }
  const unsigned char* der = data + 3;
  const X509Ptr certificate(d2i_X509(nullptr, &der, static_cast<long>(rest.size())));
  if (certificate != nullptr) check_association(certificate.get(), record);
  return 0;
}
