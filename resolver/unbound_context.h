// A libunbound context, set up from the configuration and running. Why each option is as it is
// stands in the .cc.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "conf/config.h"

struct ub_ctx;

namespace fulmar::resolver {

struct DeleteUnboundContext {
  void operator()(ub_ctx* context) const;
};
using UnboundContext = std::unique_ptr<ub_ctx, DeleteUnboundContext>;

/// What a context is for. Whatever it is, answers are validated and found alike.
enum class ContextUse : std::uint8_t {
  program,     ///< Every lookup of the program.
  one_lookup,  ///< A fresh one: little room, since the context goes when the answer is there.
};

/// Answers come from a thread of the context's own, through the descriptor ub_fd().
/// Errors: Errc::io with path and reason when trust anchor or hints cannot be read or hold nothing
/// usable; Errc::invalid_argument for an entry of `forward_to` that is no "address@port".
[[nodiscard]] Result<UnboundContext> create_unbound_context(const conf::Resolver& config,
                                                            ContextUse use);

}  // namespace fulmar::resolver
