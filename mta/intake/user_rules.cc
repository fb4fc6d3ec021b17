#include "mta/intake/user_rules.h"

namespace fulmar::intake {

smtp::ServerUser UserRules::session_user(const std::string& name) const {
  const conf::User* user = conf::find_user(users_, name);
  return {.name = name, .recipients_per_message = user == nullptr ? 0 : user->max_recipients};
}

Result<> UserRules::may_send_as(const std::string& user, const Mailbox& address) const {
  const conf::User* rules = conf::find_user(users_, user);
  if (rules == nullptr || conf::may_send_as(*rules, address)) return {};
  Error why = make_error(Errc::invalid_argument, user + " may not send as " + address.text);
  why.status = {5, 7, 1};
  why.retry = Retry::never;
  return fail(std::move(why));
}

std::optional<conf::Rate> UserRules::message_rate(const std::string& user) const {
  const conf::User* rules = conf::find_user(users_, user);
  return rules == nullptr ? std::nullopt : rules->max_message_rate;
}

}  // namespace fulmar::intake
