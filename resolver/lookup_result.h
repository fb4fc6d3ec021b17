// What a validating resolver said about one question, judged: an answer with its security, or which
// error. Pure.
//
// Bogus is looked at first: libunbound hands out the unproven data beside the verdict. RFC 7672
// §2.1.1
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

/// Numbers of the IANA registry.
enum class RecordType : std::uint16_t {
  a = 1,
  cname = 5,
  mx = 15,
  txt = 16,
  aaaa = 28,
  dnskey = 48,
  tlsa = 52,
};

struct Question {
  Domain name;
  RecordType type = RecordType::a;
};

/// "MX b.example". Every error of a lookup begins with it (pitfall 47).
[[nodiscard]] std::string to_string(const Question& question);

/// One lookup's outcome in the resolver library's own terms.
struct LookupResult {
  int rcode = 0;
  bool bogus = false;
  std::string why_bogus;
  bool secure = false;
  std::string canonical;  ///< Text of the name at the end of the CNAME chain; empty without alias.
  int ttl = 0;
  std::vector<std::string> rdata;
};

/// Existence, security, canonical name and ttl, with the records still as octets.
/// Errors: dns_bogus with the reason, dns_servfail for every RCODE but NOERROR and NXDOMAIN,
/// dns_malformed.
[[nodiscard]] Result<Answer<std::string>> judge(const Question& question, LookupResult result);

/// Whether an answer of which no record can be decoded is still an answer.
enum class Undecodable : std::uint8_t {
  is_error,  ///< dns_malformed: MX records that nobody can read are not "no MX" (RFC 5321 §5.1).
  is_empty_presence,  ///< Existence::records without records: a TLSA RRset is there, though of no
                      ///< use (RFC 7672 §2.2).
};

/// Decodes each record. One that cannot be decoded is left out, so that it does not spoil the
/// others (pitfall 30).
template <class Record>
[[nodiscard]] Result<Answer<Record>> decode(const Question& question,
                                            const Answer<std::string>& raw,
                                            Result<Record> (*parse)(std::string_view rdata),
                                            Undecodable undecodable = Undecodable::is_error) {
  Answer<Record> answer{.existence = raw.existence,
                        .security = raw.security,
                        .records = {},
                        .canonical = raw.canonical,
                        .ttl = raw.ttl};
  std::string reason;
  for (const std::string& rdata : raw.records) {
    if (auto record = parse(rdata)) {
      answer.records.push_back(*std::move(record));
    } else {
      reason = std::move(record).error().detail;
    }
  }
  if (answer.records.empty() && !reason.empty() && undecodable == Undecodable::is_error) {
    return fail(Errc::dns_malformed, to_string(question) + ": " + reason);
  }
  return answer;
}

}  // namespace fulmar::resolver
