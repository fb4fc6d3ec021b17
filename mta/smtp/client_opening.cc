// From the greeting to the last EHLO: who is there, under which protection, and what it offers.
#include <utility>

#include "base/check.h"
#include "mta/smtp/classify.h"
#include "mta/smtp/client_state.h"

namespace fulmar::smtp {
namespace {

/// The server does not know the command, as opposed to not wanting us. RFC 5321 §4.2.2
bool is_unknown_command(const Reply& reply) {
  return reply.code >= 500 && reply.code <= 504;
}

Error tls_unavailable(std::string detail) {
  Error result = make_error(Errc::tls_handshake, std::move(detail));
  result.status = {4, 7, 4};
  return result;
}

}  // namespace

ClientAction ClientSession::State::on_greeting(const Reply& reply) {
  if (!reply.positive()) return refused(reply);
  return say_ehlo();
}

ClientAction ClientSession::State::say_ehlo() {
  step = Step::ehlo;
  stage = Stage::ehlo;
  return DoWrite{"EHLO " + options.helo_name + "\r\n"};
}

ClientAction ClientSession::State::on_ehlo(const Reply& reply) {
  if (reply.positive()) {
    offers = parse_capabilities(reply);
    if (!result.tls) {
      result.starttls_offered = offers.starttls;
      offers.requiretls = false;  // RFC 8689 §2: it is offered under TLS or not at all.
    }
    return after_hello();
  }
  if (!reply.permanent()) return refused(reply);
  if (options.starttls == StartTls::required && !result.tls) {
    // HELO has no STARTTLS, so there is nothing to fall back to.
    if (!is_unknown_command(reply)) return refused(reply);
    return fail_and_quit(
        tls_unavailable("STARTTLS is not offered, EHLO is refused: " + reply.one_line()), reply);
  }
  step = Step::helo;  // RFC 5321 §3.2
  return DoWrite{"HELO " + options.helo_name + "\r\n"};
}

ClientAction ClientSession::State::on_helo(const Reply& reply) {
  if (!reply.positive()) return refused(reply);
  offers = {};
  return after_hello();
}

ClientAction ClientSession::State::after_hello() {
  // RFC 3207 §4.2: never a second STARTTLS under TLS.
  if (result.tls || options.starttls == StartTls::never) return begin_transaction();
  if (!offers.starttls) {
    if (options.starttls == StartTls::offered) return begin_transaction();
    return fail_and_quit(tls_unavailable("STARTTLS is not offered"));
  }
  step = Step::starttls;
  stage = Stage::starttls;
  return DoWrite{"STARTTLS\r\n"};
}

ClientAction ClientSession::State::on_starttls(const Reply& reply) {
  if (reply.positive() && parser.has_leftover()) {
    // Octets sent in clear behind the reply would be read as if they had come under TLS. RFC 3207
    // §6, pitfall 58
    result.tls_failed = true;
    return fail_and_close(
        make_error(Errc::tls_handshake, "data injected behind the reply to STARTTLS"));
  }
  if (reply.positive()) return start_tls();
  // RFC 3207 §4: whether to go on without TLS is for the caller to say, who knows the destination.
  result.tls_failed = true;
  const std::string detail = "STARTTLS is refused: " + reply.one_line();
  const Error why =
      reply.permanent() ? tls_unavailable(detail) : make_error(Errc::tls_handshake, detail);
  // RFC 5321 §3.8: after 421 the server closes without being asked.
  return reply.code == 421 ? fail_and_close(why, reply) : fail_and_quit(why, reply);
}

ClientAction ClientSession::State::start_tls() {
  step = Step::handshake;
  stage = Stage::tls;
  return DoStartTls{};
}

/// STARTTLS is out, and no reply to it came that could be read.
ClientAction ClientSession::State::fail_starttls(std::string detail) {
  result.tls_failed = true;
  return fail_and_close(make_error(Errc::tls_handshake, std::move(detail)));
}

ClientAction ClientSession::State::on(const TlsEstablished&) {
  FULMAR_CHECK(step == Step::handshake);
  result.tls = true;
  first_reply_under_tls = true;
  // RFC 3207 §4.2: nothing learnt in clear counts any more.
  parser.reset();
  offers = {};
  if (options.starttls != StartTls::implicit) return say_ehlo();
  step = Step::greeting;
  stage = Stage::greeting;
  return DoRead{};
}

ClientAction ClientSession::State::on(const TlsRefused& event) {
  FULMAR_CHECK(step == Step::handshake);
  if (event.handshake == TlsRefused::Handshake::failed) {
    result.tls_failed = true;
    return fail_and_close(event.why);
  }
  result.tls = true;
  return fail_and_quit(event.why);  // RFC 3207 §4.1
}

}  // namespace fulmar::smtp
