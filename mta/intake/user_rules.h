// What the users of the configuration may do, by name. Pure. A user who has no [[user]] table may
// do what anybody may who is authenticated.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/smtp/server_session.h"

namespace fulmar::intake {

class UserRules {
 public:
  explicit UserRules(std::vector<conf::User> users) : users_(std::move(users)) {}

  /// What a session must know of the user.
  [[nodiscard]] smtp::ServerUser session_user(const std::string& name) const;

  /// Whether the user may use `address` as reverse-path or author. invalid_argument with status
  /// 5.7.1, in words for the client, when not.
  [[nodiscard]] Result<> may_send_as(const std::string& user, const Mailbox& address) const;

  /// Of this user's messages; empty: [limits] messages_per_client counts.
  [[nodiscard]] std::optional<conf::Rate> message_rate(const std::string& user) const;

 private:
  std::vector<conf::User> users_;
};

}  // namespace fulmar::intake
