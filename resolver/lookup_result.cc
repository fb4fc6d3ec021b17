#include "resolver/lookup_result.h"

#include <algorithm>
#include <utility>

namespace fulmar::resolver {
namespace {

constexpr int kNoError = 0;  // RFC 1035 §4.1.1, as all of these
constexpr int kNxDomain = 3;

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::a:
      return "A";
    case RecordType::cname:
      return "CNAME";
    case RecordType::mx:
      return "MX";
    case RecordType::txt:
      return "TXT";
    case RecordType::aaaa:
      return "AAAA";
    case RecordType::dnskey:
      return "DNSKEY";
    case RecordType::tlsa:
      return "TLSA";
  }
  return "?";
}

std::string rcode_name(int rcode) {
  switch (rcode) {
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return "RCODE " + std::to_string(rcode);
  }
}

Existence existence_of(const LookupResult& result) {
  if (!result.rdata.empty()) return Existence::records;
  return result.rcode == kNxDomain ? Existence::no_domain : Existence::no_data;
}

}  // namespace

std::string to_string(const Question& question) {
  const std::string& name = question.name.str();
  return std::string(to_string(question.type)) + ' ' + (name.empty() ? "." : name);
}

Result<Answer<std::string>> judge(const Question& question, LookupResult result) {
  if (result.bogus) {
    const std::string& why = result.why_bogus;
    return fail(Errc::dns_bogus, to_string(question) + ": DNSSEC validation failed: " +
                                     (why.empty() ? "no reason given" : why));
  }
  if (result.rcode != kNoError && result.rcode != kNxDomain) {
    return fail(Errc::dns_servfail,
                to_string(question) + ": the lookup failed with " + rcode_name(result.rcode));
  }
  Answer<std::string> answer{.existence = existence_of(result),
                             .security = result.secure ? Security::secure : Security::insecure,
                             .records = std::move(result.rdata),
                             .canonical = question.name,
                             .ttl = std::chrono::seconds(std::max(result.ttl, 0))};
  if (!result.canonical.empty()) {
    auto canonical = Domain::parse(result.canonical);
    if (!canonical) {
      return fail(Errc::dns_malformed, to_string(question) + ": alias to \"" + result.canonical +
                                           "\", which no host name is");
    }
    answer.canonical = *std::move(canonical);
  }
  return answer;
}

}  // namespace fulmar::resolver
