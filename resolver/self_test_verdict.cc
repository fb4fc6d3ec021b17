#include "resolver/self_test_verdict.h"

#include <algorithm>
#include <utility>

namespace fulmar::resolver {
namespace {

using Weight = SelfTestFinding::Weight;

enum class State : std::uint8_t {
  not_asked,
  secure,
  insecure,
  bogus,
  refused,  ///< SERVFAIL and the like: somebody answered, with nothing.
  silent,   ///< Nobody answered.
};

State state_of(const SelfTestName& asked) {
  if (!asked.answer) return State::not_asked;
  const Result<Security>& answer = *asked.answer;
  if (answer) return *answer == Security::secure ? State::secure : State::insecure;
  switch (answer.error().code) {
    case Errc::dns_bogus:
      return State::bogus;
    case Errc::dns_servfail:
    case Errc::dns_malformed:
      return State::refused;
    default:
      return State::silent;
  }
}

bool resolved(State state) {
  return state == State::secure || state == State::insecure;
}

std::string why(const SelfTestName& asked) {
  return asked.answer && !*asked.answer ? asked.answer->error().detail : std::string();
}

/// "the upstreams 192.0.2.1@53 and 192.0.2.2@53 strip DNSSEC records".
std::string who_strips(const std::vector<std::string>& upstreams) {
  if (upstreams.empty()) return "something on the path strips them";
  std::string names;
  for (const std::string& upstream : upstreams)
    names += (names.empty() ? "" : " and ") + upstream;
  return upstreams.size() == 1 ? "the upstream " + names + " strips DNSSEC records"
                               : "the upstreams " + names + " strip DNSSEC records";
}

SelfTestFinding stripped(const SelfTestName& asked, const SelfTestFacts& facts) {
  return {Weight::failure, "DNSSEC records do not come through: " + who_strips(facts.upstreams) +
                               " (" + why(asked) + ")"};
}

SelfTestFinding still_open(const SelfTestName& asked) {
  return {Weight::open, "no verdict on " + asked.name.str() + ": " + why(asked)};
}

std::optional<SelfTestFinding> judge_signed(const SelfTestFacts& facts) {
  const SelfTestName& asked = facts.signed_name;
  switch (state_of(asked)) {
    case State::not_asked:
    case State::secure:
      return std::nullopt;
    case State::insecure:
      return SelfTestFinding{Weight::failure,
                             "DNSSEC validation does not work: " + asked.name.str() +
                                 ", which is signed, came back as if it were not"};
    case State::bogus:
      return stripped(asked, facts);
    case State::refused:
      // Some upstreams answer what they cannot serve with SERVFAIL; when nothing at all resolves,
      // that is another trouble.
      if (resolved(state_of(facts.unsigned_name))) return stripped(asked, facts);
      break;
    case State::silent:
      break;
  }
  return still_open(asked);
}

std::optional<SelfTestFinding> judge_unsigned(const SelfTestFacts& facts) {
  const SelfTestName& asked = facts.unsigned_name;
  switch (state_of(asked)) {
    case State::not_asked:
    case State::insecure:
      return std::nullopt;
    case State::secure:
      return SelfTestFinding{Weight::warning, asked.name.str() +
                                                  " is signed, so it is the wrong name for "
                                                  "resolver.self_test_unsigned"};
    case State::bogus:
      // That a zone is not signed is proven by signed records of the zone above. Said once.
      if (state_of(facts.signed_name) == State::bogus) return std::nullopt;
      return stripped(asked, facts);
    case State::refused:
    case State::silent:
      break;
  }
  return still_open(asked);
}

std::optional<SelfTestFinding> judge_bogus(const SelfTestFacts& facts) {
  const SelfTestName& asked = facts.bogus_name;
  switch (state_of(asked)) {
    case State::not_asked:
    case State::bogus:
      return std::nullopt;
    case State::secure:
    case State::insecure:
      return SelfTestFinding{Weight::failure,
                             "DNSSEC validation does not work: " + asked.name.str() +
                                 ", which is signed wrongly, was accepted"};
    case State::refused:
      // An upstream that validates keeps it back. It was not accepted, which is what matters, as
      // long as the signed name shows that we validate ourselves.
      if (state_of(facts.signed_name) == State::secure) {
        return SelfTestFinding{
            Weight::warning,
            asked.name.str() + " was refused before we could judge it: " + why(asked)};
      }
      break;
    case State::silent:
      break;
  }
  return still_open(asked);
}

/// The first name that was asked for, when none of them resolved or was judged: without a network
/// libunbound says SERVFAIL or nothing.
const SelfTestName* nothing_resolves(const SelfTestFacts& facts) {
  const SelfTestName* first = nullptr;
  for (const auto* asked : {&facts.signed_name, &facts.unsigned_name, &facts.bogus_name}) {
    const State state = state_of(*asked);
    if (state == State::not_asked) continue;
    if (state != State::refused && state != State::silent) return nullptr;
    if (first == nullptr) first = asked;
  }
  return first;
}

bool has(const std::vector<SelfTestFinding>& findings, Weight weight) {
  return std::ranges::find(findings, weight, &SelfTestFinding::weight) != findings.end();
}

SelfTestResult result_of(const std::vector<SelfTestFinding>& findings) {
  if (has(findings, Weight::failure)) return SelfTestResult::failed;
  return has(findings, Weight::open) ? SelfTestResult::undecided : SelfTestResult::passed;
}

}  // namespace

SelfTestVerdict judge_self_test(const SelfTestFacts& facts) {
  if (const auto* first = nothing_resolves(facts)) {
    return {
        SelfTestResult::undecided,
        {{Weight::open, "none of the names resolves, as without a network (" + why(*first) + ")"}}};
  }
  if (!facts.signed_name.answer && !facts.unsigned_name.answer && !facts.bogus_name.answer) {
    return {SelfTestResult::undecided, {{Weight::open, "no name is configured to ask for"}}};
  }
  SelfTestVerdict verdict;
  for (auto finding : {judge_signed(facts), judge_unsigned(facts), judge_bogus(facts)}) {
    if (finding) verdict.findings.push_back(*std::move(finding));
  }
  verdict.result = result_of(verdict.findings);
  return verdict;
}

std::string_view to_string(SelfTestResult result) {
  switch (result) {
    case SelfTestResult::passed:
      return "passed";
    case SelfTestResult::failed:
      return "failed";
    case SelfTestResult::undecided:
      return "undecided";
  }
  return "?";
}

std::string describe(const SelfTestVerdict& verdict) {
  std::string text;
  for (const SelfTestFinding& finding : verdict.findings)
    text += (text.empty() ? "" : "; ") + finding.text;
  return text;
}

}  // namespace fulmar::resolver
