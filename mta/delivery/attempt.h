// One attempt at delivering one message to one destination, told in order: route ► host ► address ►
// session ► outcome.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "conf/config.h"
#include "mta/delivery/converse.h"
#include "mta/delivery/plan.h"
#include "mta/delivery/verdict.h"
#include "queue/message.h"
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
};

struct AttemptSettings {
  ConverseSettings converse;
  conf::Failure failure;   ///< Which classes are returned at once.
  bool requiretls = true;  ///< [requiretls] enabled
};

enum class RecipientState : std::uint8_t { delivered, deferred, bounced };

struct RecipientResult {
  RecipientState state = RecipientState::deferred;
  HostFailure failure;  ///< Unless delivered.
  std::string host;     ///< Who took it: "mx1.b.example[192.0.2.7]:25"; empty unless delivered.
  std::string reply;    ///< Its words, one line; empty unless delivered.
  std::string tls = "none";                             ///< The mail log's label.
  queue::Exposure exposure = queue::Exposure::nothing;  ///< What this attempt showed in clear.
};

struct AttemptResult {
  std::vector<RecipientResult> recipients;  ///< In the order of the delivery's.
  boost::json::object decision;             ///< The decision record; shape as in docs/control.md.
  std::chrono::milliseconds connecting{0};  ///< Spent on DNS, policies and connections.
  std::chrono::milliseconds sending{0};     ///< Spent in dialogues.
};

/// Never fails as a whole: every recipient gets exactly one state. RFC 5321 §5.1
boost::asio::awaitable<AttemptResult> attempt_delivery(AttemptParts parts, AttemptSettings settings,
                                                       queue::Message message,
                                                       queue::Delivery delivery);

}  // namespace fulmar::delivery
