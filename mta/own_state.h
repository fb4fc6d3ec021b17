// How our own parts are, and what in that an operator has to mend. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/troubles.h"
#include "mta/dnssec_state.h"
#include "mta/intake/memory_mark.h"
#include "mta/intake/own_certificate.h"
#include "queue/store.h"

namespace fulmar::mta {

struct OwnState {
  std::string spool;     ///< Its folder.
  bool writable = true;  ///< queue::Store::writable().
  bool stalled = false;  ///< A write of the spool takes too long, now.
  Result<std::uint64_t> free_space = std::uint64_t{0};  ///< Octets, for the spool.
  std::uint64_t reserve = 0;                            ///< Octets that are to stay free.
  std::size_t set_aside = 0;                            ///< Entries; the first of them is
  std::optional<queue::SetAside> first_set_aside;
  intake::MemoryMark::State memory;
  DnssecState dnssec;
  std::vector<intake::OwnCertificate> certificates;
};

/// A certificate that expires within it is a trouble.
inline constexpr std::chrono::days kCertificateWarning{14};
/// So long a self-test may get no answers: names out there may be at fault.
inline constexpr std::chrono::minutes kUnanswered{10};

/// One for each part that is not as it ought to be.
[[nodiscard]] std::vector<Trouble> troubles_of(const OwnState& state, UtcTime now);

}  // namespace fulmar::mta
