// Who logs in, and what each may send: `[[user]]`. Passwords are not here: they stand, as hashes,
// in the file `[auth] users_file`. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "conf/destination.h"
#include "conf/units.h"

namespace fulmar::conf {

/// Senders that a user may give in MAIL FROM. The null reverse-path is no Mailbox and needs no
/// pattern: it alone is no reason to refuse (RFC 6409 §3.2).
struct SenderPattern {
  std::string local_part;  ///< As it was written; empty: every one.
  DomainPattern domain{.scope = DomainPattern::Scope::any, .name = {}};

  /// "shop@example.com"; "@example.com" for every address of that domain, "@.example.com" for every
  /// domain below it; "*". Errc::syntax when it is none of these, or names an address literal,
  /// which a submitted message cannot have for a sender (RFC 6409 §4.2).
  static Result<SenderPattern> parse(std::string_view text);
  [[nodiscard]] std::string str() const;

  /// Local parts are compared without regard to the case of ASCII letters. Only the host of an
  /// address may know that two cases are one mailbox (RFC 5321 §2.4); but the addresses here belong
  /// to the operator, who gives "Shop" and "shop" to nobody but one and the same, and whose devices
  /// write either. What is sent on keeps its case. A quoted local part matches a quoted one.
  [[nodiscard]] bool matches(const Mailbox& sender) const;
  friend bool operator==(const SenderPattern&, const SenderPattern&) = default;
};

/// One who has no entry is held to nothing but the limits of all.
struct User {
  std::string name;                                     ///< As in the users file, case and all.
  std::vector<SenderPattern> from = {SenderPattern{}};  ///< Any of them. Default: every sender.
  std::optional<Rate> max_message_rate;  ///< Messages begun; empty: limits.messages_per_client.
  std::uint32_t max_recipients = 0;      ///< Of one message; 0: limits.recipients_per_message.
  friend bool operator==(const User&, const User&) = default;
};

/// Errc::syntax, with the reason, unless `name` is 1 to 255 octets of UTF-8 without a colon, a
/// space or a control character, and does not begin with '#': what a line of the users file can
/// hold.
[[nodiscard]] Result<> check_user_name(std::string_view name);

/// The entry of that name, compared octet by octet; null when there is none. Owned by `users`.
[[nodiscard]] const User* find_user(const std::vector<User>& users, std::string_view name);

/// One of the user's patterns matches.
[[nodiscard]] bool may_send_as(const User& user, const Mailbox& sender);

}  // namespace fulmar::conf
