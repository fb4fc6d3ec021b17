#include "mta/intake/users.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/regular_file.h"
#include "conf/user.h"
#include "mta/intake/password_hash.h"
#include "mta/intake/scram_prep.h"

namespace fulmar::intake {
namespace {

constexpr std::size_t kMaxTold = 10;
constexpr ::mode_t kForbidden = S_IWGRP | S_IXGRP | S_IRWXO;

struct Line {
  std::string name;
  std::string hash;
};

Result<Line> parse_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fail(Errc::syntax, "must be name:hash");
  const std::string_view name = line.substr(0, colon);
  const std::string_view hash = line.substr(colon + 1);
  if (const auto usable = conf::check_user_name(name); !usable) {
    return fail(Errc::syntax, "the name will not do: " + usable.error().detail);
  }
  FULMAR_TRY_VOID(check_hash(hash));
  return Line{.name = std::string(name), .hash = std::string(hash)};
}

/// What is wrong with a file, told in one line.
class Faults {
 public:
  explicit Faults(const std::string& file) : file_(file) {}

  void add(std::size_t line, const std::string& what) {
    if (++count_ > kMaxTold) return;
    text_ += (text_.empty() ? "" : "; ") + file_ + ':' + std::to_string(line) + ": " + what;
  }
  [[nodiscard]] Result<> result() const {
    if (count_ == 0) return {};
    const std::string more =
        count_ > kMaxTold ? "; and " + std::to_string(count_ - kMaxTold) + " more" : "";
    return fail(Errc::syntax, text_ + more);
  }

 private:
  const std::string& file_;
  std::size_t count_ = 0;
  std::string text_;
};

/// Whoever reads the hashes can guess at leisure; whoever writes them can be anybody.
Result<std::string> read_users(const std::string& path) {
  FULMAR_TRY(const RegularFile file, RegularFile::open(path));
  if ((file.mode() & kForbidden) != 0) {
    return fail(Errc::io,
                "others can use it, and it holds password hashes; chmod 640 or 600 makes it safe");
  }
  return file.read(Users::kMaxFile, "is over 8 MB, too big for a users file");
}

}  // namespace

Result<Users> Users::parse(std::string_view text, const std::string& file) {
  Hashes hashes;
  Faults faults(file);
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    auto parsed = parse_line(line);
    if (!parsed) {
      faults.add(number, parsed.error().detail);
    } else if (!hashes.emplace(std::move(parsed->name), std::move(parsed->hash)).second) {
      faults.add(number, "a line before has the same name");
    }
  }
  FULMAR_TRY_VOID(faults.result());
  return Users(std::move(hashes));
}

Result<Users> Users::load(const std::string& path) {
  const auto text = read_users(path);
  if (!text) return fail(text.error().code, path + ": " + text.error().detail);
  return parse(*text, path);
}

Users::Users(Hashes hashes) : hashes_(std::move(hashes)) {
  choose_stand_in();
  weigh_scram();
}

void Users::choose_stand_in() {
  struct Share {
    std::size_t users = 0;
    const std::string* one = nullptr;
  };
  std::map<std::string_view, Share> by_cost;
  Share most;
  for (const auto& [name, hash] : hashes_) {
    Share& share = by_cost[cost_of(hash)];
    ++share.users;
    share.one = &hash;
    if (share.users > most.users) most = share;
  }
  if (most.one != nullptr) stand_in_ = *most.one;
}

void Users::weigh_scram() {
  for (const auto& [name, hash] : hashes_) {
    const auto keys = parse_scram_keys(hash);
    if (!keys || saslprep(name) != name) return scram_costs_.clear();
    scram_costs_.push_back({.iterations = keys->iterations, .salt_size = keys->salt.size()});
  }
  std::ranges::sort(scram_costs_);
}

const std::string* Users::find(std::string_view name) const {
  const auto found = hashes_.find(name);
  return found == hashes_.end() ? nullptr : &found->second;
}

std::vector<std::string> rules_of_nobody(const std::vector<conf::User>& rules,
                                         const std::vector<conf::Listen>& listeners,
                                         const Users& users) {
  const bool certificates = std::ranges::any_of(
      listeners, [](const conf::Listen& listener) { return !listener.client_ca.empty(); });
  std::vector<std::string> names;
  if (certificates) return names;
  for (const conf::User& rule : rules) {
    if (users.find(rule.name) == nullptr) names.push_back(rule.name);
  }
  return names;
}

}  // namespace fulmar::intake
