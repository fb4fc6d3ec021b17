#include "mta/intake/received.h"

#include <algorithm>

#include "base/ascii.h"

namespace fulmar::intake {
namespace {

constexpr std::size_t kMaxName = 255;  // RFC 5321 §4.5.3.1.2
constexpr std::string_view kFold = "\r\n\t";

/// A name or literal as it came; what has no place in either becomes '?', so that it stays one word
/// and opens no comment.
std::string readable_name(std::string_view helo) {
  std::string name(helo.substr(0, kMaxName));
  std::ranges::replace_if(
      name,
      [](char c) {
        return !is_alnum(c) && std::string_view("-._[]:").find(c) == std::string_view::npos;
      },
      '?');
  return name.empty() ? "?" : name;
}

/// HELO has no words for what comes along: RFC 3848 knows extensions of ESMTP only.
std::string protocol_of(const ReceivedFacts& facts) {
  if (!facts.extended) return "SMTP";
  std::string name = facts.smtputf8 ? "UTF8SMTP" : "ESMTP";
  if (!facts.tls.empty()) name += 'S';
  if (facts.authenticated) name += 'A';
  return name;
}

}  // namespace

std::string received_field(const ReceivedFacts& facts) {
  std::string field = "Received: from " + readable_name(facts.helo) + " (" +
                      to_string(MailHost(facts.client.unmapped())) + ')';
  field.append(kFold).append("by ").append(facts.by.str());
  field.append(" with ").append(protocol_of(facts)).append(" id ").append(facts.id.str());
  if (facts.only_recipient) {
    field.append(kFold)
        .append("for <")
        .append(facts.only_recipient->ascii_domain_form())
        .append(">");
  }
  if (!facts.tls.empty()) field.append(kFold).append("tls ").append(facts.tls);
  return field.append(";").append(kFold).append(to_rfc5322(facts.at)).append("\r\n");
}

}  // namespace fulmar::intake
