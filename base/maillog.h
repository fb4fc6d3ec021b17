// The mail log: a fixed list of events about messages, one line each, in the shape Postfix users
// know. Stable: names and order of fields are an interface (docs/mail-log.md), held by golden
// tests.
//
//   01JD…: client=app.example[192.0.2.9], from=<a@b>, size=1234, nrcpt=2 (queued)
//   01JD…: to=<a@b>, relay=mx1.b[192.0.2.7]:25, delay=1.4, delays=0.0/0.1/0.4/0.9, tls=dane,
//   dsn=2.0.0,
//          status=sent (250 ok)
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "base/domain.h"
#include "base/error.h"
#include "base/message_id.h"

namespace fulmar {

struct QueuedEvent {
  MessageId id;
  std::string client;  ///< "name[address]"; empty for our own notices.
  std::string user;    ///< Who was authenticated; empty: nobody, and not shown.
  std::string sender;  ///< Empty for the null reverse-path.
  std::uint64_t size = 0;
  std::size_t recipients = 0;
};

enum class DeliveryStatus : std::uint8_t { sent, deferred, bounced };

struct DeliveryEvent {
  MessageId id;
  std::string recipient;
  std::string
      relay;  ///< "mx1.b.example[192.0.2.7]:25"; empty when no host was reached: shown as "none".
  std::chrono::milliseconds delay{0};
  /// Before the queue took it, in the queue, connecting, sending.
  std::array<std::chrono::milliseconds, 4> delays{};
  /// "none", "encrypted", "sts", "dane", "dane-host-only"; with ":downgraded" or ":failed=<class>"
  /// after it.
  std::string tls;
  EnhancedStatus dsn;
  DeliveryStatus status = DeliveryStatus::deferred;
  std::string text;  ///< The remote's words or our reason.
};

struct NoticeEvent {
  MessageId original;
  MessageId notice;
  std::string kind;  ///< "failed", "delayed", "cleared", "relayed" or "summary".
};

void maillog(const QueuedEvent& event);
void maillog(const DeliveryEvent& event);
void maillog(const NoticeEvent& event);
/// "01JD…: removed": nothing of the message is left in the spool.
void maillog_removed(const MessageId& id);

/// The text form, as written by maillog().
[[nodiscard]] std::string format(const QueuedEvent& event);
[[nodiscard]] std::string format(const DeliveryEvent& event);
[[nodiscard]] std::string format(const NoticeEvent& event);

}  // namespace fulmar
