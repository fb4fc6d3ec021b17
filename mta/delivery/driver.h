// Runs a smtp::ClientSession over a Stream: the only loop that joins the sending protocol to
// sockets and TLS.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/net/stream.h"
#include "mta/smtp/client_session.h"
#include "queue/message.h"
#include "queue/store.h"
#include "tls/client_context.h"
#include "tls/tls_policy.h"
#include "tls/verify.h"

namespace fulmar::delivery {

/// Where the body comes from. What is pointed to must outlive the run.
struct Body {
  queue::Store* store = nullptr;  ///< Null for a probe, which sends none.
  MessageId message;
  std::uint32_t chunks = 0;
  const queue::BodyChunks* in_memory =
      nullptr;  ///< All of it, if it is at hand: then nothing is read.
};

struct DriverTimeouts {
  std::chrono::milliseconds command;
  std::chrono::milliseconds final_dot;
};

/// What a run needs besides the session. References must outlive it.
struct DriverParts {
  const tls::ClientContext& context;
  const Clock& clock;
  Body body;
  DriverTimeouts timeouts;
  /// Past it nothing is waited for any more but the answer to the final dot.
  SteadyTime deadline;
  tls::Groups groups = tls::Groups::preferred;  ///< What the ClientHello offers.
};

/// A connection as it was kept.
struct Kept {
  net::Stream stream;
  smtp::KeptSession session;
};

struct SessionReport {
  smtp::SessionResult result;
  /// What the handshake proved; empty when none was completed.
  std::optional<tls::VerifyOutcome> verified;
  bool hello_unanswered = false;  ///< TLS was begun, and not one octet came back.
  /// TLS was offered and did not come about, for a reason that may pass: "not now", or a connection
  /// that broke, which could be anybody's doing on the way.
  bool tls_may_pass = false;
  std::optional<Kept> kept;  ///< The connection, when the session asked for keeping it.
};

/// Ends with the connection closed, unless it was kept. Failures are in the report: a session that
/// cannot be held to `decision` ends before MAIL, with the failure class that the decision gives. A
/// host that answers drop by drop is cut off: the replies to what was written last may take
/// kPatience times the timeout of one reply, however they are sliced.
inline constexpr int kPatience = 3;
/// `decision` must outlive the run. `proven`: for a session over a kept connection, what its
/// handshake proved under an equal decision.
boost::asio::awaitable<SessionReport> run_session(
    net::Stream stream, smtp::ClientSession session, const tls::TlsDecision& decision,
    DriverParts parts, std::optional<tls::VerifyOutcome> proven = std::nullopt);

}  // namespace fulmar::delivery
