// The users file: who may log in, and the hash of each one's password, which may be SCRAM keys. One
// "name:hash" on a line; empty lines and lines that begin with '#' do not count. `fulmar passwd`
// prints such a line.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "conf/config.h"
#include "mta/intake/scram_keys.h"

namespace fulmar::intake {

/// Does not change after it was made, so that any thread may read it.
class Users {
 public:
  /// Octets of a file.
  static constexpr std::size_t kMaxFile = 8'000'000;

  Users() = default;  ///< Nobody.

  /// Errc::syntax with everything that is wrong, the first ten in words: "FILE:LINE: ...; ...".
  /// What stands in a line is not shown: it may be a password.
  static Result<Users> parse(std::string_view text, const std::string& file);

  /// Errc::io when the file cannot be read, is no regular file, or more than its owner and the
  /// readers of its group may use it; Errc::limit over kMaxFile; else as parse().
  static Result<Users> load(const std::string& path);

  /// The hash of that user's password; null when there is none. Names are compared octet by octet.
  [[nodiscard]] const std::string* find(std::string_view name) const;

  /// Some hash whose check costs what most of them cost: to be spent on users that do not exist, so
  /// that the time does not tell them from others. Files of one method and cost hide them best.
  /// Empty when there are no users, and so nothing to hide.
  [[nodiscard]] const std::string& stand_in() const { return stand_in_; }

  /// Whether there are users, and all have SCRAM keys and a name that SASLprep leaves as it is: a
  /// client that prefers SCRAM does not try anything else for a user who cannot use it.
  [[nodiscard]] bool all_have_scram() const { return !scram_costs_.empty(); }

  /// What the SCRAM keys of each user cost, in ascending order: clients are to see of users that do
  /// not exist what they see of these. Empty unless all_have_scram().
  [[nodiscard]] const std::vector<ScramCost>& scram_costs() const { return scram_costs_; }

  [[nodiscard]] std::size_t size() const { return hashes_.size(); }

 private:
  using Hashes = std::map<std::string, std::string, std::less<>>;

  explicit Users(Hashes hashes);
  void choose_stand_in();
  void weigh_scram();

  Hashes hashes_;  // by name
  std::string stand_in_;
  std::vector<ScramCost> scram_costs_;
};

/// The names in `rules`, the [[user]] entries, that nobody can log in by: they have no line in
/// `users`. None when a listener looks at certificates of clients, whose names they may be.
[[nodiscard]] std::vector<std::string> rules_of_nobody(const std::vector<conf::User>& rules,
                                                       const std::vector<conf::Listen>& listeners,
                                                       const Users& users);

}  // namespace fulmar::intake
