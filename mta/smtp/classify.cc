#include "mta/smtp/classify.h"

#include <utility>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

constexpr std::size_t kMaxDetail = 512;

/// The kinds of reply that decide differently; everything else about a reply only adds words.
enum class Kind : std::uint8_t { closing, too_many_recipients, transient, permanent, unexpected };

Kind kind_of(Stage stage, const Reply& reply, OthersAccepted others) {
  if (reply.code == 421) return Kind::closing;  // RFC 5321 §3.8: at any time, whatever was asked.
  // RFC 5321 §4.5.3.1.10: 552 is an old way to say 452, too many recipients.
  if (stage == Stage::rcpt && (reply.code == 552 || reply.code == 452) &&
      others == OthersAccepted::yes) {
    return Kind::too_many_recipients;
  }
  if (reply.transient()) return Kind::transient;
  if (reply.permanent()) return Kind::permanent;
  return Kind::unexpected;
}

/// The status for a reply that carries none: of the subject the stage is about.
EnhancedStatus customary_status(Stage stage, const Reply& reply) {
  const auto klass = static_cast<std::uint8_t>(reply.permanent() ? 5 : 4);
  if (reply.code == 552 && stage == Stage::rcpt) return {klass, 2, 2};
  if (reply.code == 552) return {klass, 3, 4};
  if (reply.code == 452) return {klass, 3, 1};
  switch (stage) {
    case Stage::greeting:
    case Stage::ehlo:
      return {klass, 3, 2};  // RFC 7504 §3: the system does not accept mail.
    case Stage::starttls:
    case Stage::tls:
    case Stage::auth:
      return {klass, 7, 0};  // RFC 3207 §4, RFC 4954 §6
    case Stage::mail:
    case Stage::rcpt:
      return {klass, 1, 0};
    case Stage::data:
    case Stage::body:
    case Stage::final_dot:
    case Stage::quit:
      return {klass, 0, 0};
  }
  std::unreachable();
}

Error make(Errc code, Retry retry, EnhancedStatus status, Stage stage, const Reply& reply) {
  const std::string detail = "reply at " + std::string(to_string(stage)) + ": " + reply.one_line();
  return {
      .code = code, .retry = retry, .status = status, .detail = sanitize_line(detail, kMaxDetail)};
}

}  // namespace

bool concerns_the_host(Stage stage) {
  return stage == Stage::greeting || stage == Stage::ehlo || stage == Stage::starttls ||
         stage == Stage::auth;
}

bool is_for_number(Stage stage, const Reply& reply, OthersAccepted others) {
  if (kind_of(stage, reply, others) != Kind::too_many_recipients) return false;
  // RFC 3463 §3.2, §3.3: subject 1 is the address, 2 the mailbox.
  return !reply.enhanced || reply.enhanced->subject > 2;
}

Error classify(Stage stage, const Reply& reply, OthersAccepted others) {
  const auto status = reply.enhanced.value_or(customary_status(stage, reply));
  switch (kind_of(stage, reply, others)) {
    case Kind::closing: {
      const auto closing = reply.enhanced.value_or(EnhancedStatus{4, 3, 2});
      return make(Errc::remote_temporary, Retry::next_host, closing, stage, reply);
    }
    case Kind::too_many_recipients: {
      EnhancedStatus waiting = reply.enhanced.value_or(EnhancedStatus{4, 5, 3});
      waiting.klass = 4;
      return make(Errc::remote_temporary, Retry::next_host, waiting, stage, reply);
    }
    case Kind::transient:
      // Another host of the destination may take what this one cannot take now (RFC 5321 §5.1).
      return make(Errc::remote_temporary, Retry::next_host, status, stage, reply);
    case Kind::permanent: {
      // RFC 5321 §3.1: a host that refuses all mail has said nothing about the message.
      const Retry retry = concerns_the_host(stage) ? Retry::next_host : Retry::never;
      return make(Errc::remote_permanent, retry, status, stage, reply);
    }
    case Kind::unexpected:
      return make(Errc::remote_protocol, Retry::next_host, {4, 5, 0}, stage, reply);
  }
  std::unreachable();
}

}  // namespace fulmar::smtp
