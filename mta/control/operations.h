// What an operator can ask of the running daemon, apart from how the question arrives.
// control/server.cc offers these over HTTP on the Unix socket; mta/daemon_operations.cc carries
// them out. Answers are JSON; shapes in docs/control.md.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/domain.h"
#include "base/message_id.h"
#include "base/result.h"
#include "conf/destination.h"

namespace fulmar::control {

/// How a delivery waits.
enum class DeliveryState : std::uint8_t {
  queued,    ///< Not tried yet.
  deferred,  ///< Tried, and to be tried again.
  held,      ///< By an operator, until it is released.
};

/// Which queued messages are meant. All given conditions must hold; none given means every message.
struct QueueFilter {
  std::vector<MessageId> ids;
  std::optional<std::string>
      sender;  ///< Whole address, ignoring case; "<>" for the null reverse-path.
  std::optional<std::string> recipient;  ///< Whole address, ignoring case.
  std::optional<Domain> domain;          ///< A recipient's next-hop domain.
  std::optional<std::chrono::seconds> older_than;
  std::optional<DeliveryState> state;
  std::optional<std::string> reason;  ///< Class of the last failure: "dane-mismatch".
};

/// What an operator writes for others to read: one line.
inline constexpr std::size_t kMaxReason = 500;

enum class Connect : std::uint8_t { no, yes };

/// The most deliveries that one request lists or changes.
inline constexpr std::size_t kMaxListed = 100'000;

/// May be called on any thread. Errors: not_found, invalid_argument, and those of the store.
class Operations {
 public:
  virtual ~Operations() = default;
  virtual boost::asio::awaitable<boost::json::value> status() = 0;
  /// Array of messages with their waiting recipients, oldest first.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_list(QueueFilter filter) = 0;
  /// One message with envelope, recipients, history and decision records.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_show(MessageId id) = 0;
  // Each answers {"changed": n, "running": m}: how many deliveries are so now, and how many were
  // left alone because they were being attempted just then.

  /// Due now. Held ones stay held.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_retry(QueueFilter filter) = 0;
  /// Neither attempted nor expired until they are released.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_hold(QueueFilter filter) = 0;
  /// Held ones are due now.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_release(QueueFilter filter) = 0;
  /// Ended, with a notice to the sender that gives the reason.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_bounce(QueueFilter filter,
                                                                          std::string reason) = 0;
  /// Removed without notice; `reason` goes to the log.
  virtual boost::asio::awaitable<Result<boost::json::value>> queue_delete(QueueFilter filter,
                                                                          std::string reason) = 0;

  /// Array of the spool's records that cannot be read.
  virtual boost::asio::awaitable<Result<boost::json::value>> quarantine() = 0;

  /// No attempts to these next hops for so long. Answers the suspension.
  virtual boost::asio::awaitable<Result<boost::json::value>> suspend(conf::DomainPattern domain,
                                                                     std::chrono::seconds time,
                                                                     std::string reason) = 0;
  /// Their deliveries go on now. not_found when exactly this is not suspended.
  virtual boost::asio::awaitable<Result<boost::json::value>> resume(conf::DomainPattern domain) = 0;
  /// Array of suspensions, by domain.
  virtual boost::asio::awaitable<Result<boost::json::value>> suspended() = 0;

  virtual boost::asio::awaitable<Result<boost::json::value>> policy_list() = 0;
  virtual boost::asio::awaitable<Result<boost::json::value>> policy_show(Domain domain) = 0;
  virtual boost::asio::awaitable<Result<boost::json::value>> policy_refresh(Domain domain) = 0;
  virtual boost::asio::awaitable<Result<boost::json::value>> policy_forget(Domain domain) = 0;
  /// `target` is a domain or an address; invalid_argument when it is neither.
  virtual boost::asio::awaitable<Result<boost::json::value>> explain(std::string target,
                                                                     Connect connect) = 0;
};

}  // namespace fulmar::control
