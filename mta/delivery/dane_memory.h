// Notices when a mail host stops publishing what DANE held it to: legitimate, or the work of
// somebody who wants its mail in clear. Nothing is decided by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_set>

#include "base/domain.h"
#include "base/metrics.h"
#include "base/troubles.h"
#include "resolver/tlsa.h"

namespace fulmar::delivery {

/// Since the start of the program, for at most kMaxHosts hosts: a host beyond them is not watched.
/// Thread-safe.
class DaneMemory {
 public:
  static constexpr std::size_t kMaxHosts = 50'000;

  /// Both must outlive it.
  DaneMemory(Metrics& metrics, Troubles& troubles) : metrics_(metrics), troubles_(troubles) {}

  /// What a lookup said. A host that had usable records and has none now is a warning, a trouble,
  /// and counts as protection lost, once; a failed lookup says nothing.
  void note(const Domain& host, std::uint16_t port, const resolver::TlsaLookup& tlsa);

 private:
  Metrics& metrics_;
  Troubles& troubles_;
  std::mutex mutex_;
  std::unordered_set<std::string> protected_;  ///< "mx1.b.example:25"
};

}  // namespace fulmar::delivery
