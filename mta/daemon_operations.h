// What an operator asks, carried out on the running daemon's parts.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "mta/control/operations.h"
#include "mta/delivery/attempt.h"
#include "mta/delivery/courier.h"
#include "mta/delivery/quarantine.h"
#include "mta/delivery/suspensions.h"
#include "mta/delivery/waiting_line.h"
#include "mta/dnssec_watch.h"
#include "mta/intake/memory_mark.h"
#include "queue/store.h"
#include "tls/mta_sts.h"

namespace fulmar::mta {

/// All must outlive the operations.
struct OperationsParts {
  queue::Store& store;
  delivery::WaitingLine& line;
  delivery::Courier& courier;
  delivery::NoticeDesk& notice_desk;
  delivery::Suspensions& suspensions;
  const delivery::Quarantine& quarantine;
  delivery::AttemptParts attempt;
  delivery::AttemptSettings attempt_settings;
  tls::MtaSts& mta_sts;
  Clock& clock;
  Metrics& metrics;
  intake::MemoryMark& memory_mark;
  const DnssecWatch& dnssec;
  std::string hostname;
  UtcTime started{};
};

class DaemonOperations final : public control::Operations {
 public:
  explicit DaemonOperations(OperationsParts parts);

  boost::asio::awaitable<boost::json::value> status() override;
  boost::asio::awaitable<Result<boost::json::value>> queue_list(
      control::QueueFilter filter) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_show(MessageId id) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_retry(
      control::QueueFilter filter) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_hold(
      control::QueueFilter filter) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_release(
      control::QueueFilter filter) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_bounce(control::QueueFilter filter,
                                                                  std::string reason) override;
  boost::asio::awaitable<Result<boost::json::value>> queue_delete(control::QueueFilter filter,
                                                                  std::string reason) override;
  boost::asio::awaitable<Result<boost::json::value>> quarantine() override;
  boost::asio::awaitable<Result<boost::json::value>> suspend(conf::DomainPattern domain,
                                                             std::chrono::seconds time,
                                                             std::string reason) override;
  boost::asio::awaitable<Result<boost::json::value>> resume(conf::DomainPattern domain) override;
  boost::asio::awaitable<Result<boost::json::value>> suspended() override;
  boost::asio::awaitable<Result<boost::json::value>> policy_list() override;
  boost::asio::awaitable<Result<boost::json::value>> policy_show(Domain domain) override;
  boost::asio::awaitable<Result<boost::json::value>> policy_refresh(Domain domain) override;
  boost::asio::awaitable<Result<boost::json::value>> policy_forget(Domain domain) override;
  boost::asio::awaitable<Result<boost::json::value>> explain(std::string target,
                                                             control::Connect connect) override;

 private:
  using Change = std::function<boost::asio::awaitable<Result<delivery::Changed>>(
      const queue::DeliveryKey& key)>;
  struct Changes;
  boost::asio::awaitable<void> make_changes(Changes& changes);
  boost::asio::awaitable<Result<boost::json::value>> change_each(control::QueueFilter filter,
                                                                 std::string logged,
                                                                 std::string reason, Change change);
  void hasten(const conf::DomainPattern& domain);
  [[nodiscard]] std::vector<queue::DeliveryKey> candidates(
      const control::QueueFilter& filter) const;
  boost::asio::awaitable<bool> is_meant(const control::QueueFilter& filter,
                                        const queue::DeliveryKey& key);
  boost::asio::awaitable<boost::json::object> waiting_for(MailHost destination);

  OperationsParts parts_;
};

}  // namespace fulmar::mta
