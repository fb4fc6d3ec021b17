#include "mta/smtp/client_outcomes.h"

#include <algorithm>

#include "mta/smtp/classify.h"

namespace fulmar::smtp {
namespace {

bool is_undecided(const RecipientOutcome& outcome) {
  return !outcome.delivered && !outcome.failure;
}

}  // namespace

void Outcomes::note_rcpt(std::size_t recipient, const Reply& reply) {
  RecipientOutcome& outcome = recipients_.at(recipient);
  if (!is_undecided(outcome)) return;  // Refused with MAIL: this reply only echoes that.
  if (reply.positive()) {
    ++accepted_;
    return;
  }
  const auto others = accepted_ > 0 ? OthersAccepted::yes : OthersAccepted::no;
  outcome.failure = classify(Stage::rcpt, reply, others);
  outcome.reply = reply;
  outcome.stage = Stage::rcpt;
  if (is_for_number(Stage::rcpt, reply, others)) too_many_.push_back(recipient);
}

void Outcomes::deliver_undecided(const Reply& reply, DsnDuty dsn_duty) {
  for (RecipientOutcome& outcome : recipients_) {
    if (!is_undecided(outcome)) continue;
    outcome.delivered = true;
    outcome.dsn_duty = dsn_duty;
    outcome.reply = reply;
    outcome.stage = Stage::final_dot;
  }
  for (const std::size_t recipient : too_many_)
    recipients_.at(recipient).try_again_here = true;
}

void Outcomes::fail_undecided(Stage stage, const Error& why, const std::optional<Reply>& reply) {
  for (RecipientOutcome& outcome : recipients_) {
    if (!is_undecided(outcome)) continue;
    outcome.failure = why;
    outcome.reply = reply;
    outcome.stage = stage;
  }
}

bool Outcomes::any_undecided() const {
  return std::ranges::any_of(recipients_, is_undecided);
}

}  // namespace fulmar::smtp
