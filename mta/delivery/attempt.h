// One attempt at delivering one message to one destination, told in order: route ► host ► address ►
// session ► outcome.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "conf/config.h"
#include "mta/delivery/attempt_trace.h"
#include "mta/delivery/converse.h"
#include "mta/delivery/ledger.h"
#include "mta/delivery/plan.h"
#include "mta/delivery/unreachable.h"
#include "mta/delivery/verdict.h"
#include "queue/message.h"
#include "queue/scheduler.h"
#include "queue/store.h"
#include "tls/client_context.h"

namespace fulmar::delivery {

/// What an attempt needs. All must outlive it.
struct AttemptParts {
  Planner& planner;
  queue::Store* store =
      nullptr;  ///< Where bodies are read; null where nothing is sent (probe_host).
  const tls::ClientContext& context;
  const Clock& clock;
  ConnectionPool* pool = nullptr;  ///< Null: each message gets a connection of its own.
  /// Addresses to be left alone for a while; null: every address is tried.
  UnreachableAddresses* unreachable = nullptr;
  /// Asked once, before the first connection: whether there is a place for one. Until then an
  /// attempt holds nothing but memory, however long its lookups take. Empty: there is.
  std::function<bool()> begin{};
};

struct AttemptSettings {
  ConverseSettings converse;
  conf::Failure failure;  ///< Which classes are returned at once.
};

struct AttemptResult {
  std::vector<RecipientResult> recipients;  ///< In the order of the delivery's.
  AttemptTrace trace;
  std::chrono::milliseconds connecting{0};  ///< Spent on DNS, policies and connections.
  std::chrono::milliseconds sending{0};     ///< Spent in dialogues.
  std::uint32_t next_host = 0;  ///< Where the next attempt begins: behind 0 when hosts are left.
  queue::Ending ending = queue::Ending::untried;  ///< Whether any host spoke to us.
  bool put_off = false;  ///< There was no place: nothing was tried, and nothing else here counts.
};

/// `body`: all of it when it is in memory, null when it is to be read from the spool. What is
/// referred to must outlive the attempt. Never fails as a whole: every recipient gets exactly one
/// state (RFC 5321 §5.1), unless it is put off.
boost::asio::awaitable<AttemptResult> attempt_delivery(AttemptParts parts,
                                                       const AttemptSettings& settings,
                                                       const queue::Message& message,
                                                       const queue::Delivery& delivery,
                                                       const queue::BodyChunks* body);

}  // namespace fulmar::delivery
