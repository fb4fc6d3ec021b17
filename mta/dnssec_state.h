// How our own DNSSEC validation is. Pure data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "resolver/self_test_verdict.h"

namespace fulmar::mta {

struct DnssecState {
  bool anchor_proven = false;
  std::string anchor_detail = "not asked yet";  ///< Why not; empty when proven.
  std::optional<UtcTime> tested_at;             ///< When `self_test` was found; nothing: not yet.
  resolver::SelfTestVerdict self_test;
  std::optional<UtcTime> undecided_since;  ///< Of `self_test`; nothing: it is decided.
  std::vector<std::string> upstreams;      ///< As configured.

  /// Names that cannot be asked for are no sign of a broken validation; a root that was never
  /// proven is.
  [[nodiscard]] bool healthy() const {
    return anchor_proven && self_test.result != resolver::SelfTestResult::failed;
  }
};

}  // namespace fulmar::mta
