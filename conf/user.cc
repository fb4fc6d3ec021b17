#include "conf/user.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/login.h"

namespace fulmar::conf {
namespace {

using Scope = DomainPattern::Scope;

bool is_control_or_space(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
}

}  // namespace

Result<SenderPattern> SenderPattern::parse(std::string_view text) {
  if (text == "*") return SenderPattern{};
  if (text.starts_with('@')) {
    FULMAR_TRY(DomainPattern domain, DomainPattern::parse(text.substr(1)));
    if (domain.scope == Scope::any) return fail(Errc::syntax, "all senders are \"*\" alone");
    return SenderPattern{.local_part = {}, .domain = std::move(domain)};
  }
  FULMAR_TRY(Mailbox mailbox, Mailbox::parse(text));
  const auto* name = std::get_if<Domain>(&mailbox.host);
  if (name == nullptr) return fail(Errc::syntax, "a sender's domain is a name");
  return SenderPattern{.local_part = std::move(mailbox.local_part),
                       .domain = DomainPattern::exactly(*name)};
}

std::string SenderPattern::str() const {
  return domain.scope == Scope::any ? "*" : local_part + '@' + domain.str();
}

bool SenderPattern::matches(const Mailbox& sender) const {
  const bool any_local = local_part.empty() || equals_ignoring_case(local_part, sender.local_part);
  return any_local && domain.matches(sender.host);
}

Result<> check_user_name(std::string_view name) {
  if (name.empty()) return fail(Errc::syntax, "it is empty");
  if (name.size() > kMaxUserName) {
    return fail(Errc::syntax, "it is over " + std::to_string(kMaxUserName) + " octets");
  }
  if (std::ranges::any_of(name, is_control_or_space)) {
    return fail(Errc::syntax, "it holds a space or a control character");
  }
  if (name.find(':') != std::string_view::npos) return fail(Errc::syntax, "it holds a colon");
  if (name.starts_with('#')) return fail(Errc::syntax, "it begins with #");
  if (!is_valid_utf8(name)) return fail(Errc::syntax, "it is not valid UTF-8");
  return {};
}

const User* find_user(const std::vector<User>& users, std::string_view name) {
  const auto found = std::ranges::find(users, name, &User::name);
  return found == users.end() ? nullptr : &*found;
}

bool may_send_as(const User& user, const Mailbox& sender) {
  return std::ranges::any_of(user.from,
                             [&](const SenderPattern& pattern) { return pattern.matches(sender); });
}

}  // namespace fulmar::conf
