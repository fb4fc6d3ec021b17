#include "mta/delivery/ledger.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fulmar::delivery {
namespace {

/// Whether the failure is the host's word. Our own findings never carry it as theirs (DSN-14).
bool is_remote_word(Errc code) {
  return code == Errc::remote_temporary || code == Errc::remote_permanent ||
         code == Errc::remote_protocol || code == Errc::relay_auth;
}

queue::Exposure as_exposure(smtp::Shown shown) {
  switch (shown) {
    case smtp::Shown::nothing:
      return queue::Exposure::nothing;
    case smtp::Shown::envelope:
      return queue::Exposure::envelope;
    case smtp::Shown::content:
      return queue::Exposure::content;
  }
  return queue::Exposure::content;
}

/// A refusal before the final dot is certain, whatever became of the others in that session.
queue::Given given_to(const Ledger::Session& session, const smtp::SessionResult& result,
                      const smtp::RecipientOutcome& outcome) {
  if (result.in_doubt && outcome.stage == smtp::Stage::final_dot) return queue::Given::in_doubt;
  const smtp::Shown shown = std::max(session.shown, result.shown);
  return shown == smtp::Shown::content ? queue::Given::content : queue::Given::nothing;
}

/// A failure that would end the matter, as one that waits.
HostFailure opened(HostFailure failure, Errc as, const conf::Failure& rules) {
  if (conf::rule_for(rules, failure.error.code).action == conf::FailureAction::defer) {
    return failure;
  }
  failure.error = make_error(as, "not settled yet: " + failure.error.detail);
  return failure;
}

RecipientResult refused(HostFailure failure) {
  const bool final = failure.error.retry == Retry::never;
  std::string label = failure_label(failure);
  return {.state = final ? RecipientState::bounced : RecipientState::deferred,
          .failure = std::move(failure),
          .host = {},
          .reply = {},
          .tls = std::move(label)};
}

}  // namespace

bool Ledger::all_decided() const {
  return std::ranges::all_of(entries_, [](const Entry& entry) { return entry.result.has_value(); });
}

void Ledger::note_failure(std::size_t host, Basis basis, const HostFailure& failure) {
  for (Entry& entry : entries_) {
    if (!entry.result) entry.failures.push_back({.host = host, .basis = basis, .failure = failure});
  }
}

Ledger::Again Ledger::merge(const Session& session, const smtp::SessionResult& result) {
  const smtp::Shown unproven = session.shown_unproven ? result.shown : smtp::Shown::nothing;
  const queue::Exposure shown = as_exposure(std::max(result.shown_in_clear, unproven));
  Again again = Again::no;
  auto outcome = result.recipients.begin();
  for (Entry& entry : entries_) {
    if (entry.result) continue;
    FULMAR_CHECK(outcome != result.recipients.end());
    entry.exposure = std::max(entry.exposure, shown);
    entry.given = std::max(entry.given, given_to(session, result, *outcome));
    if (outcome->try_again_here) again = Again::yes;
    settle(entry, session, *outcome++);
  }
  return again;
}

void Ledger::settle(Entry& entry, const Session& session, const smtp::RecipientOutcome& outcome) {
  if (outcome.delivered) {
    entry.result = RecipientResult{.state = RecipientState::delivered,
                                   .failure = {},
                                   .host = session.label,
                                   .reply = outcome.reply ? outcome.reply->one_line() : "",
                                   .dsn_duty = outcome.dsn_duty,
                                   .tls = session.tls};
    return;
  }
  HostFailure failure{.error = *outcome.failure, .host = session.label, .tls = session.tls};
  if (outcome.reply && is_remote_word(failure.error.code)) {
    failure.reply = outcome.reply->verbatim();
  }
  if (failure.error.retry == Retry::next_host) {
    Noted noted{.host = session.host, .basis = session.basis, .failure = std::move(failure)};
    if (session.may_pass) noted.open_as = Errc::tls_handshake;
    entry.failures.push_back(std::move(noted));
  } else {
    entry.result = refused(std::move(failure));
  }
}

void Ledger::forget_policy_failures() {
  for (Entry& entry : entries_) {
    std::erase_if(entry.failures, [](const Noted& noted) { return noted.basis == Basis::policy; });
  }
}

void Ledger::leave_policy_open() {
  for (Entry& entry : entries_) {
    for (Noted& noted : entry.failures) {
      if (noted.basis == Basis::policy) noted.open_as = Errc::sts_unknown;
    }
  }
}

void Ledger::leave_records_open(std::size_t host) {
  for (Entry& entry : entries_) {
    for (Noted& noted : entry.failures) {
      if (noted.host == host && noted.basis == Basis::records) noted.open_as = Errc::dane_lookup;
    }
  }
}

void Ledger::forget_host(std::size_t host) {
  for (Entry& entry : entries_)
    std::erase_if(entry.failures, [host](const Noted& noted) { return noted.host == host; });
}

RecipientResult Ledger::give_up(const Entry& entry, const conf::Failure& rules) const {
  std::vector<HostFailure> failures;
  for (const Noted& noted : entry.failures) {
    failures.push_back(noted.open_as ? opened(noted.failure, *noted.open_as, rules)
                                     : noted.failure);
  }
  // Only a cap that was reached, or a policy that was looked up again without a retry, leaves no
  // reason at all.
  if (failures.empty()) {
    failures.push_back(
        {.error = make_error(Errc::connect_failed, "no host could be tried in this attempt")});
  }
  const auto hosts = cut_short_ || spared_ ? HostsTried::some : HostsTried::all;
  HostFailure told = most_telling(failures, rules, hosts);
  const auto same_class = [&](const HostFailure& failure) {
    return conf::class_of(failure.error.code) == conf::class_of(told.error.code);
  };
  const bool one_cause = !cut_short_ && std::ranges::all_of(failures, same_class);
  RecipientResult result = refused(std::move(told));
  result.one_cause = one_cause;
  return result;
}

std::vector<RecipientResult> Ledger::conclude(const conf::Failure& rules) && {
  std::vector<RecipientResult> results;
  for (Entry& entry : entries_) {
    results.push_back(entry.result ? *std::move(entry.result) : give_up(entry, rules));
    results.back().exposure = entry.exposure;
    results.back().given = entry.given;
  }
  return results;
}

}  // namespace fulmar::delivery
