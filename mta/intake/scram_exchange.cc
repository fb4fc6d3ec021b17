#include "mta/intake/scram_exchange.h"

#include <gsasl.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/login.h"
#include "mta/intake/scram_prep.h"

namespace fulmar::intake {
namespace {

using Fault = ScramExchange::Fault;

constexpr const char* kMechanism = "SCRAM-SHA-256";

struct Free {
  void operator()(char* text) const { gsasl_free(text); }
};

std::string text_of(const char* property) {
  return property == nullptr ? "" : property;
}

/// "=2C" and "=3D" undone; empty when another "=" is there. RFC 5802 §5.1
std::optional<std::string> unescaped(std::string_view written) {
  std::string name;
  while (!written.empty()) {
    const std::size_t equals = written.find('=');
    name += written.substr(0, equals);
    if (equals == std::string_view::npos) break;
    const std::string_view code = written.substr(equals, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    name += code == "=2C" ? ',' : '=';
    written.remove_prefix(equals + code.size());
  }
  return name;
}

/// The name in a client's first message: behind the second comma, and "n=". RFC 5802 §7
std::optional<std::string> name_in(std::string_view message) {
  for (int commas = 0; commas < 2; ++commas) {
    const auto comma = message.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    message.remove_prefix(comma + 1);
  }
  if (!message.starts_with("n=")) return std::nullopt;
  message.remove_prefix(2);
  return unescaped(message.substr(0, message.find(',')));
}

/// What GNU SASL 2.2 does not look at. It would serve a "p=" without a channel to bind; prepare a
/// name of any length, 20 µs an octet; and lose memory for one of which nothing is left.
bool is_first(const std::string& message) {
  const bool unbound = message.starts_with("n,") || message.starts_with("y,");
  const auto name = unbound ? name_in(message) : std::nullopt;
  return name && is_user_name(*name) && saslprep(*name);
}

Fault fault_of(int code) {
  switch (code) {
    case GSASL_AUTHENTICATION_ERROR:
      return Fault::wrong;
    case GSASL_MECHANISM_PARSE_ERROR:
    case GSASL_BASE64_ERROR:
      return Fault::malformed;
    default:
      return Fault::unavailable;
  }
}

}  // namespace

/// What GNU SASL's callback finds behind a session.
struct ScramExchange::Hook {
  FindKeys find_keys;
  std::string user;
  std::optional<Fault> fault;

  std::optional<ScramKeys> keys_for(const std::string& identity) {
    if (!is_user_name(user)) {
      fault = Fault::malformed;
    } else if (!identity.empty() && identity != user) {
      fault = Fault::denied;
    } else if (auto keys = find_keys(user)) {
      return keys;
    } else {
      fault = Fault::held_back;
    }
    return std::nullopt;
  }

  /// All properties at once, when the first of them is asked for: then the name is known.
  // Between frames of C there is no way for an exception.
  static int answer(Gsasl*, Gsasl_session* session, Gsasl_property wanted) noexcept {
    auto* hook = static_cast<Hook*>(gsasl_session_hook_get(session));
    if (wanted != GSASL_SCRAM_ITER || hook == nullptr || hook->fault) return GSASL_NO_CALLBACK;
    hook->user = text_of(gsasl_property_fast(session, GSASL_AUTHID));
    const auto keys = hook->keys_for(text_of(gsasl_property_fast(session, GSASL_AUTHZID)));
    if (!keys) return GSASL_NO_CALLBACK;
    const std::pair<Gsasl_property, std::string> properties[] = {
        {GSASL_SCRAM_ITER, std::to_string(keys->iterations)},
        {GSASL_SCRAM_SALT, base64(keys->salt)},
        {GSASL_SCRAM_STOREDKEY, to_string(keys->stored)},
        {GSASL_SCRAM_SERVERKEY, to_string(keys->server)},
    };
    for (const auto& [property, value] : properties) {
      const int set = gsasl_property_set(session, property, value.c_str());
      if (set == GSASL_OK) continue;
      hook->fault = Fault::unavailable;
      return set;
    }
    return GSASL_OK;
  }
};

void ScramMechanism::Close::operator()(Gsasl* library) const {
  gsasl_done(library);
}

Result<ScramMechanism> ScramMechanism::create() {
  Gsasl* library = nullptr;
  const int code = gsasl_init(&library);
  if (code != GSASL_OK) {
    return fail(Errc::internal, std::string("GNU SASL cannot be used: ") + gsasl_strerror(code));
  }
  ScramMechanism mechanism(library);
  if (gsasl_server_support_p(library, kMechanism) == 0) {
    return fail(Errc::internal, "GNU SASL has no SCRAM-SHA-256");
  }
  gsasl_callback_set(library, ScramExchange::Hook::answer);
  return mechanism;
}

void ScramExchange::Close::operator()(Gsasl_session* session) const {
  gsasl_finish(session);
}

Result<ScramExchange> ScramExchange::create(const ScramMechanism& mechanism, FindKeys find_keys) {
  Gsasl_session* session = nullptr;
  const int code = gsasl_server_start(mechanism.library_.get(), kMechanism, &session);
  if (code != GSASL_OK) {
    return fail(Errc::internal, std::string("GNU SASL cannot begin: ") + gsasl_strerror(code));
  }
  auto hook = std::make_unique<Hook>();
  hook->find_keys = std::move(find_keys);
  gsasl_session_hook_set(session, hook.get());
  return ScramExchange(mechanism.library_, std::move(hook), session);
}

ScramExchange::ScramExchange(std::shared_ptr<Gsasl> library, std::unique_ptr<Hook> hook,
                             Gsasl_session* session)
    : library_(std::move(library)), hook_(std::move(hook)), session_(session) {}
ScramExchange::~ScramExchange() = default;
ScramExchange::ScramExchange(ScramExchange&&) noexcept = default;

ScramExchange::Step ScramExchange::first(const std::string& message) {
  if (message.find('\0') != std::string::npos || !is_first(message)) {
    return std::unexpected(Fault::malformed);
  }
  Step said = step(message, GSASL_NEEDS_MORE);
  // Without keys it went on with some of its own.
  if (hook_->fault) return std::unexpected(*hook_->fault);
  // Nothing was proven yet: what it calls wrong is a name.
  if (!said && said.error() == Fault::wrong) return std::unexpected(Fault::malformed);
  return said;
}

ScramExchange::Step ScramExchange::last(const std::string& message) {
  return step(message, GSASL_OK);
}

ScramExchange::Step ScramExchange::step(const std::string& message, int wanted) {
  // GNU SASL takes C strings: what stands behind a NUL would count, and not be looked at.
  if (message.find('\0') != std::string::npos) return std::unexpected(Fault::malformed);
  char* made = nullptr;
  std::size_t size = 0;
  const int code = gsasl_step(session_.get(), message.data(), message.size(), &made, &size);
  const std::unique_ptr<char, Free> output(made);
  if (code != wanted) return std::unexpected(fault_of(code));
  return std::string(output.get(), size);
}

const std::string& ScramExchange::user() const {
  return hook_->user;
}

}  // namespace fulmar::intake
