// What becomes of mail that fails for one reason at every host: the table [failure].
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/error.h"

namespace fulmar::conf {

enum class FailureAction : std::uint8_t { defer, bounce };

struct FailureRule {
  FailureAction action = FailureAction::defer;
  /// In place of retry.give_up_after; 1 s .. 30 d.
  std::optional<std::chrono::milliseconds> give_up_after;
};

struct Failure {
  FailureRule dane_lookup;
  FailureRule dane_mismatch;
  FailureRule dane_no_tls;
  FailureRule sts_mx_mismatch;
  FailureRule sts_certificate;
  FailureRule sts_no_tls;
  FailureRule requiretls{.action = FailureAction::bounce,
                         .give_up_after = {}};  ///< RFC 8689 §4.2.1
  FailureRule dns;
  FailureRule connect;
};

/// A class of failures: the key of the table that speaks for them; nullptr for those without one.
using FailureClass = FailureRule Failure::*;
[[nodiscard]] FailureClass class_of(Errc code);

/// The rule for `code`; an ordinary one for classes without a key.
[[nodiscard]] FailureRule rule_for(const Failure& failure, Errc code);

}  // namespace fulmar::conf
