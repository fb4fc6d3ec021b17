// Made-up facts: a notice of every class and kind, and a summary, for `fulmar notice preview` and
// for tests. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mta/notice/digest.h"
#include "mta/notice/notice.h"
#include "mta/notice/summary.h"

namespace fulmar::notice {

/// What can be the matter: a class of failure, or what its status tells apart ("mailbox-full").
struct SampleClass {
  std::string_view name;
  Error failure;      ///< As one attempt ends with it.
  std::string reply;  ///< Of the other server; empty when the decision is ours.
  bool can_wait;      ///< Whether a message can be delayed by it.
};

/// Every class that can reach a sender, in the order of Errc.
[[nodiscard]] const std::vector<SampleClass>& sample_classes();
[[nodiscard]] const SampleClass* find_sample_class(std::string_view name);

/// A notice to alice@a.example about bob@b.example. For good news the class means nothing.
[[nodiscard]] NoticeFacts sample_facts(NoticeKind kind, const SampleClass& what);

/// To alice@a.example about six recipients: every kind, two of whom the same can be said.
[[nodiscard]] SummaryFacts sample_summary();

/// One trouble of each kind, and three that had no room.
[[nodiscard]] DigestFacts sample_digest();

}  // namespace fulmar::notice
