// Who keeps the score: one outcome per recipient, written once and never changed (pitfalls 56, 70).
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "mta/smtp/client_session.h"
#include "mta/smtp/reply.h"

namespace fulmar::smtp {

class Outcomes {
 public:
  explicit Outcomes(std::size_t recipients) : recipients_(recipients) {}

  /// The reply to the RCPT of `recipient`: accepts it, which decides nothing yet, or refuses it.
  void note_rcpt(std::size_t recipient, const Reply& reply);
  /// RCPTs accepted so far.
  [[nodiscard]] std::size_t accepted() const { return accepted_; }

  /// The message was taken: everyone undecided has it, and those refused for their number alone may
  /// be given it here too. REQUIRES: every RCPT was answered.
  void deliver_undecided(const Reply& reply, DsnDuty dsn_duty);
  void fail_undecided(Stage stage, const Error& why, const std::optional<Reply>& reply);
  [[nodiscard]] bool any_undecided() const;

  [[nodiscard]] std::vector<RecipientOutcome> take() { return std::move(recipients_); }

 private:
  std::vector<RecipientOutcome> recipients_;
  std::size_t accepted_ = 0;
  std::vector<std::size_t> too_many_;  ///< Refused for their number.
};

}  // namespace fulmar::smtp
