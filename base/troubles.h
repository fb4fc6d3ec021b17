// What an operator can mend, or should know of: noted where it is met, and told to the postmaster
// in one mail for all (mta/operator_digest.h).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace fulmar {

/// The most pressing first.
enum class TroubleKind : std::uint8_t {
  spool,            ///< It cannot be written, is slow, has no room, or holds what cannot be read.
  memory,           ///< Too much is in use.
  resolver,         ///< DNSSEC validation does not work, or DNS gives no answers at all.
  certificate,      ///< One of our own is at its end, or soon will be.
  relay,            ///< A relay of ours cannot be used, or does not take our password.
  rule,             ///< An operator's rule demands of a destination what its hosts do not have.
  notice_dropped,   ///< A notice nobody takes; it has nobody to be returned to.
  protection_lost,  ///< A destination stopped publishing what protected its mail.
};
inline constexpr std::array kTroubleKinds = {
    TroubleKind::spool,          TroubleKind::memory,         TroubleKind::resolver,
    TroubleKind::certificate,    TroubleKind::relay,          TroubleKind::rule,
    TroubleKind::notice_dropped, TroubleKind::protection_lost};
/// "notice-dropped"; stable, as texts are named by it.
[[nodiscard]] std::string_view to_string(TroubleKind kind);

/// One state, or all events of one kind, subject and `what`.
struct Trouble {
  TroubleKind kind = TroubleKind::spool;
  std::string subject;  ///< What is in trouble: a file, a host, an address. One line.
  /// Tells apart what may be the matter with a subject: a stable word, a literal. May be empty.
  std::string_view what;
  std::string detail;       ///< What was said of it last, one line; may hold a peer's words.
  bool lasts = false;       ///< A state, as it is at `last`; else events.
  std::uint64_t count = 1;  ///< Of events.
  UtcTime last{};           ///< Of the last one.
};

/// With the texts cut, and made one line each.
[[nodiscard]] Trouble make_trouble(TroubleKind kind, std::string_view subject,
                                   std::string_view detail, UtcTime at, std::string_view what = "");

/// What makes two troubles the same one.
using TroubleKey = std::tuple<TroubleKind, std::string, std::string_view>;
[[nodiscard]] TroubleKey key_of(const Trouble& trouble);

struct TroubleList {
  std::vector<Trouble> named;
  std::uint64_t left_out = 0;  ///< How often something was noted that had no room.
};

/// The events, and what the operator was told. Thread-safe; in memory alone: who stops the program
/// has its log.
class Troubles {
 public:
  /// So many of a kind are named that were not told, and as many that were; more are counted. What
  /// peers can cause at will leaves other kinds alone, and what is old the new.
  static constexpr std::size_t kMostNamed = 50;
  /// What was told is news again after so long, when it still is so or happened again.
  static constexpr std::chrono::hours kAgain{24};

  /// `clock` must outlive it.
  explicit Troubles(const Clock& clock) : clock_(clock) {}

  /// Something happened.
  void note(TroubleKind kind, std::string_view subject, std::string_view detail,
            std::string_view what = "");

  /// In the order of kinds, then subjects.
  [[nodiscard]] TroubleList list() const;
  /// list(), which is then empty.
  [[nodiscard]] TroubleList take();

  [[nodiscard]] bool is_news(const Trouble& trouble) const;
  void note_told(const std::vector<Trouble>& troubles);

 private:
  [[nodiscard]] TroubleList list_locked() const;
  [[nodiscard]] bool is_news_locked(const TroubleKey& key, UtcTime now) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<TroubleKey, Trouble> noted_;                        // guarded by mutex_, like the others
  std::map<std::pair<TroubleKind, bool>, std::size_t> named_;  // by whether it was news
  std::uint64_t left_out_ = 0;
  std::map<TroubleKey, UtcTime> told_;  // within kAgain, and bounded in note_told()
};

}  // namespace fulmar
