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

std::string_view with_clause(smtp::IncomingEnvelope::Protocol protocol) {
  switch (protocol) {
    case smtp::IncomingEnvelope::Protocol::smtp:
      return "SMTP";
    case smtp::IncomingEnvelope::Protocol::esmtp:
      return "ESMTP";
    case smtp::IncomingEnvelope::Protocol::esmtps:
      return "ESMTPS";
  }
  return "SMTP";
}

}  // namespace

std::string received_field(const ReceivedFacts& facts) {
  std::string field = "Received: from " + readable_name(facts.helo) + " (" +
                      to_string(MailHost(facts.client.unmapped())) + ')';
  field.append(kFold).append("by ").append(facts.by.str());
  field.append(" with ").append(with_clause(facts.protocol)).append(" id ").append(facts.id.str());
  if (facts.only_recipient) {
    field.append(kFold)
        .append("for <")
        .append(facts.only_recipient->ascii_domain_form())
        .append(">");
  }
  return field.append(";").append(kFold).append(to_rfc5322(facts.at)).append("\r\n");
}

}  // namespace fulmar::intake
