// When the postmaster is told of troubles: in one mail for all that was noted, and not more often
// than [notify] digest_every allows, over restarts too. What is new starts a mail; what lasts is in
// those that others start, and starts one itself once a day.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "base/troubles.h"
#include "mta/delivery/report_back.h"
#include "mta/delivery/waiting_line.h"
#include "mta/own_state.h"
#include "queue/store.h"

namespace fulmar::mta {

/// All must outlive the digest.
struct OperatorDigestParts {
  Troubles& troubles;
  std::function<OwnState()> own_state;
  queue::Store& store;
  delivery::ReportBack& report_back;
  delivery::WaitingLine& line;  ///< The mail is delivered as any message is.
  const Clock& clock;
};

/// Lives on one thread.
class OperatorDigest {
 public:
  OperatorDigest(OperatorDigestParts parts, std::chrono::milliseconds every, Mailbox postmaster);

  /// Once, before look(): when the postmaster was told last. Errors of the store.
  boost::asio::awaitable<Result<>> load();

  /// Writes the mail if it is due: something is new, others had a moment to join it, and the last
  /// mail is long enough ago. Tells of what happened since that one, and of how our parts are now.
  boost::asio::awaitable<void> look();

  /// Looks once a minute, or twice in the time between mails if that is less, until stop().
  boost::asio::awaitable<void> run();
  void stop();

 private:
  /// Of our own parts.
  struct Seen {
    Trouble latest;
    std::deque<UtcTime> looks;  ///< The last few that found it.
    bool often = false;         ///< It comes and goes, and is to be told.
  };
  [[nodiscard]] std::vector<Trouble> states(UtcTime now) const;
  [[nodiscard]] bool has_news(const std::vector<Trouble>& troubles) const;
  void look_at_states(UtcTime now);
  void forget_states(UtcTime now);
  [[nodiscard]] Seen take_seen(const Trouble& trouble);
  [[nodiscard]] bool is_due(bool has_news, UtcTime now);
  boost::asio::awaitable<void> write(TroubleList troubles, UtcTime now);
  boost::asio::awaitable<void> note_late(UtcTime now);

  OperatorDigestParts parts_;
  std::chrono::milliseconds every_;
  Mailbox postmaster_;
  std::map<TroubleKey, Seen> seen_;   // of our own parts alone: few
  std::optional<UtcTime> new_since_;  // something waits to be told
  std::optional<UtcTime> last_;       // when a mail was written
  std::unique_ptr<boost::asio::steady_timer> timer_;
  bool stopping_ = false;
};

}  // namespace fulmar::mta
