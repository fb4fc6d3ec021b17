// The listening sockets: who may connect, how many at once, and what becomes of their sessions at
// the end.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/result.h"
#include "conf/config.h"
#include "mta/intake/incoming_message.h"
#include "mta/intake/memory_mark.h"
#include "mta/intake/own_certificate.h"
#include "queue/store.h"

namespace fulmar::intake {

/// All must outlive the last session; `metrics` also the io_contexts behind `next_executor`,
/// because sessions that the program's end cuts off are destroyed with those. So `memory`, which
/// the bodies handed to `queued` hold on to as well.
struct IntakeParts {
  queue::Store& store;
  Budget& memory;  ///< For bodies.
  MemoryMark& memory_mark;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  /// Where the next connection lives. Each executor belongs to one thread.
  std::function<boost::asio::any_io_executor()> next_executor;
  /// Called once for each message that is safe in the spool, on the thread of its connection, whose
  /// executor it gets.
  std::function<void(AcceptedMessage, const boost::asio::any_io_executor&)> queued;
};

struct IntakeSettings {
  Domain hostname;
  std::string state_dir;  ///< For the log, and scram_secret.h.
  std::vector<conf::Listen> listen;
  conf::Limits limits;
  conf::RequireTls requiretls;
  conf::Auth auth;
  std::vector<conf::User> users;
  std::chrono::milliseconds command_timeout = std::chrono::minutes(5);  ///< RFC 5321 §4.5.3.2.7
};

class Intake {
 public:
  Intake(IntakeParts parts, IntakeSettings settings);
  ~Intake();

  /// Opens all sockets and loads their certificates, and the users file if a listener takes
  /// passwords. Errc::io, invalid_argument or syntax, naming the address or the file, for the first
  /// thing that cannot be had; then no socket is kept.
  Result<> listen();

  /// Reads certificates, keys, authorities and users again. What cannot be read stays as it was,
  /// and is logged; sessions under way are not touched. From any thread.
  void reload();

  /// Begins to accept. REQUIRES: listen() succeeded.
  void start();

  /// Accepts no more, says 421 to those who are not sending a message, waits at most `grace` for
  /// those who are, then cuts them off. From any thread. False: some did not even end then, because
  /// what they wait for does not; the threads they live on must not be torn down under them.
  [[nodiscard]] boost::asio::awaitable<bool> stop(std::chrono::milliseconds grace);

  /// Those in use, a file once. From any thread. REQUIRES: listen() succeeded.
  [[nodiscard]] std::vector<OwnCertificate> certificates() const;

  /// What the sockets are bound to, in the order of the settings; for tests, which ask for port 0.
  [[nodiscard]] std::vector<Endpoint> endpoints() const;

 private:
  struct Shared;
  std::shared_ptr<Shared>
      shared_;  // with the sessions, which may outlive the intake when the program ends
};

}  // namespace fulmar::intake
