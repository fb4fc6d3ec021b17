// From the end of an attempt to the notice its sender gets: collects the facts, and puts the notice
// into the spool as a message of its own. The words are mta/notice's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "conf/config.h"
#include "mta/notice/notice.h"
#include "queue/message.h"
#include "queue/store.h"

namespace fulmar::delivery {

/// A notice ready for the spool: `operations` belong into the same batch as the outcome it tells
/// about, so that neither is ever stored without the other.
struct SpooledNotice {
  notice::NoticeKind kind = notice::NoticeKind::failed;
  queue::Batch operations;
  queue::Message message;
  queue::Delivery delivery;
};

struct ReportBackSettings {
  Domain hostname;
  std::string postmaster;
  conf::Notify notify;
  conf::Retry retry;
};

/// All references must outlive it. Thread-safe.
class ReportBack {
 public:
  ReportBack(queue::Store& store, Clock& clock, Random& random, ReportBackSettings settings);

  /// Empty when nobody can be told: the null reverse-path (RFC 5321 §6.1), or no recipient. What
  /// the sender asked for the message holds for the notice too: REQUIRETLS, for which no content
  /// comes back, and TLS-Required: No. RET goes before [notify] return_content, for failures; other
  /// notices return header fields only (RFC 3461 §4.3). Nobody is to be told of the notice itself:
  /// NOTIFY=NEVER.
  boost::asio::awaitable<std::optional<SpooledNotice>> make(
      notice::NoticeKind kind, queue::Message original, queue::Delivery delivery,
      std::vector<notice::NoticeRecipient> recipients);

 private:
  boost::asio::awaitable<std::string> read_content(queue::Message original);
  [[nodiscard]] SpooledNotice spool(std::string text, const notice::NoticeFacts& facts) const;

  queue::Store& store_;
  Clock& clock_;
  Random& random_;
  ReportBackSettings settings_;
};

}  // namespace fulmar::delivery
