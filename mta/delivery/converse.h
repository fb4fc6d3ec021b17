// One host, one address: dial or take a connection that was kept, hold the session to the host's
// plan, and what may be tried again at once when TLS does not come about.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/delivery/connection_pool.h"
#include "mta/delivery/driver.h"
#include "mta/delivery/plan.h"

namespace fulmar::delivery {

struct ConverseSettings {
  std::string helo_name;
  conf::Outbound outbound;
  conf::OpportunisticFallback fallback = conf::OpportunisticFallback::clear;
};

/// References must outlive the conversation.
struct ConverseParts {
  const tls::ClientContext& context;
  const Clock& clock;
  Body body;            ///< Empty for a probe.
  SteadyTime deadline;  ///< Past it nothing is waited for any more but the answer to the final dot.
  ConnectionPool* pool = nullptr;  ///< Where connections come from and go to; null: nowhere.
};

struct Conversation {
  SessionReport session;  ///< The last one.
  /// Set when the host was tried once more with the groups that every middlebox knows.
  bool classical_groups = false;
  /// Set when the session is in clear because this came of the handshake, and nothing is owed.
  std::optional<Error> downgraded_after;
  /// The most that was sent in any of its dialogues, with TLS or without.
  smtp::Shown shown = smtp::Shown::nothing;
  std::size_t sessions = 0;              ///< Dialogues that were begun.
  bool reused = false;                   ///< The last one went over a connection that was kept.
  std::chrono::milliseconds talking{0};  ///< Spent in dialogues, not in connecting.
};

/// The session had less than the host was owed, and somebody waived it.
[[nodiscard]] bool fell_short(const SessionReport& report, const tls::TlsDecision& decision);

struct ConverseRequest {
  Domain policy_domain;  ///< The root for an address literal.
  const HostPlan& plan;  ///< Must outlive the conversation. REQUIRES: without a failure.
  IpAddress address;
  smtp::ClientOptions::Purpose purpose = smtp::ClientOptions::Purpose::deliver;
  smtp::OutgoingEnvelope envelope;  ///< Empty for a probe.
  std::uint32_t deliveries_per_connection = conf::kDeliveriesPerConnection;
  smtp::ClientOptions::Chunking chunking = smtp::ClientOptions::Chunking::offered;
};

/// `settings` must outlive the conversation. Errors: connect_failed, when the first connection does
/// not come about, or the one in clear after a handshake failed: nobody knows more of the host
/// then, unless something was said to it before over a kept connection. Everything else is in the
/// report.
boost::asio::awaitable<Result<Conversation>> converse(ConverseParts parts,
                                                      const ConverseSettings& settings,
                                                      ConverseRequest request);

}  // namespace fulmar::delivery
