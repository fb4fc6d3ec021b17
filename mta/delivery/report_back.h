// From the end of an attempt to the notice its sender gets: collects the facts, and puts the notice
// into the spool as a message of its own. The words are mta/notice's.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/troubles.h"
#include "conf/config.h"
#include "mta/delivery/owed_notices.h"
#include "mta/notice/notice.h"
#include "mta/notice/texts.h"
#include "queue/message.h"
#include "queue/store.h"

namespace fulmar::delivery {

/// A notice ready for the spool: `operations` belong into the same batch as the outcome it tells
/// about, so that neither is ever stored without the other.
struct SpooledNotice {
  /// Of the gravest of its words, for the log; "summary" of a summary, "digest" of a digest.
  std::string kind;
  queue::Batch operations;
  queue::Message message;
  queue::Delivery delivery;
};

struct ReportBackSettings {
  Domain hostname;
  std::string postmaster;
  conf::Notify notify;
};

/// All references must outlive it. Thread-safe.
class ReportBack {
 public:
  ReportBack(queue::Store& store, Clock& clock, Random& random, ReportBackSettings settings,
             notice::Texts::Pointer texts);

  /// Notices that are begun from now on have these words.
  void use(notice::Texts::Pointer texts);

  /// The beginning of the message's content, when it is to come back with `owed`: RET goes before
  /// [notify] return_content, and counts for failures; other notices return header fields only (RFC
  /// 3461 §4.3), and so do those about messages with REQUIRETLS. Empty when it is not to, or cannot
  /// be read, which is logged.
  boost::asio::awaitable<std::string> read_content(const OwedNotice& owed);

  /// One notice about all of it. REQUIRES: all of one message, and not empty; the message has a
  /// sender. What the sender asked for the message holds for the notice too: REQUIRETLS, and
  /// TLS-Required: No. Nobody is to be told of the notice itself: NOTIFY=NEVER.
  [[nodiscard]] SpooledNotice make(const std::vector<OwedNotice>& owed);

  /// One mail in the place of a notice about each. REQUIRES: not empty, all of one sender, none
  /// stands_alone().
  [[nodiscard]] SpooledNotice summarize(const std::vector<OwedNotice>& owed);

  /// One mail to the postmaster. REQUIRES: `troubles.named` is not empty.
  [[nodiscard]] SpooledNotice tell_postmaster(const Mailbox& postmaster, TroubleList troubles);

 private:
  struct Envelope {
    MessageId id;
    Mailbox to;
    std::optional<MessageId> about;
    bool requiretls = false;
    bool tls_optional = false;
  };
  [[nodiscard]] const notice::LanguageTexts& words_for(const notice::Texts& texts,
                                                       const queue::Message& original) const;
  [[nodiscard]] SpooledNotice spool(std::string text, std::string kind, Envelope envelope,
                                    UtcTime now) const;

  queue::Store& store_;
  Clock& clock_;
  Random& random_;
  ReportBackSettings settings_;
  std::atomic<notice::Texts::Pointer> texts_;
};

}  // namespace fulmar::delivery
