// Does DNSSEC validation work from where we stand? What three names of known state came back as,
// judged. Pure. It tells an operator what is wrong; no decision about any mail follows from it
// (pitfall 43).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "resolver/answer.h"

namespace fulmar::resolver {

/// One name of the self-test. A denial is an answer as good as records.
struct SelfTestName {
  Domain name;
  std::optional<Result<Security>> answer;  ///< Nothing: not asked for.
};

struct SelfTestFacts {
  SelfTestName signed_name;            ///< Ought to be secure.
  SelfTestName unsigned_name;          ///< Ought to be insecure.
  SelfTestName bogus_name;             ///< Ought to be dns_bogus.
  std::vector<std::string> upstreams;  ///< Through whom they were asked; empty: recursion.
};

enum class SelfTestResult : std::uint8_t {
  passed,
  failed,     ///< Validation does not work. Mail to signed domains waits, or DANE is not seen.
  undecided,  ///< No answer, which says nothing about validation; ask again.
};

struct SelfTestFinding {
  enum class Weight : std::uint8_t {
    failure,
    open,     ///< Not known yet.
    warning,  ///< The test is at fault, not validation.
  } weight = Weight::open;
  std::string text;  ///< A plain sentence, without its full stop.
};

struct SelfTestVerdict {
  SelfTestResult result = SelfTestResult::undecided;
  std::vector<SelfTestFinding> findings;  ///< Empty when all is as it ought to be.
};

[[nodiscard]] SelfTestVerdict judge_self_test(const SelfTestFacts& facts);

/// "passed", "failed" or "undecided".
[[nodiscard]] std::string_view to_string(SelfTestResult result);

/// All findings in one line; empty without any.
[[nodiscard]] std::string describe(const SelfTestVerdict& verdict);

}  // namespace fulmar::resolver
