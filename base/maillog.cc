#include "base/maillog.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/log.h"

namespace fulmar {
namespace {

constexpr std::size_t kMaxText = 512;

std::string seconds(std::chrono::milliseconds value) {
  return fmt::format("{:.1f}", static_cast<double>(value.count()) / 1000.0);
}

std::string_view name(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::sent:
      return "sent";
    case DeliveryStatus::deferred:
      return "deferred";
    case DeliveryStatus::bounced:
      return "bounced";
  }
  return "deferred";
}

std::string delays(const DeliveryEvent& event) {
  return fmt::format("{}/{}/{}/{}", seconds(event.delays[0]), seconds(event.delays[1]),
                     seconds(event.delays[2]), seconds(event.delays[3]));
}

std::string relay(const DeliveryEvent& event) {
  return event.relay.empty() ? "none" : event.relay;
}

// The text line is the whole message; the JSON form carries the same facts as members beside it, so
// that a reader of either never needs the other.
void write(const std::string& line, std::vector<LogField> fields) {
  log(LogLevel::info, line, fields);
}

}  // namespace

std::string format(const QueuedEvent& event) {
  const std::string user =
      event.user.empty() ? "" : ", sasl_username=" + sanitize_line(event.user, kMaxText);
  return fmt::format("{}: client={}{}, from=<{}>, size={}, nrcpt={} (queued)", event.id.str(),
                     event.client.empty() ? "local" : sanitize_line(event.client, kMaxText), user,
                     sanitize_line(event.sender, kMaxText), event.size, event.recipients);
}

std::string format(const DeliveryEvent& event) {
  return fmt::format("{}: to=<{}>, relay={}, delay={}, delays={}, tls={}, dsn={}, status={} ({})",
                     event.id.str(), sanitize_line(event.recipient, kMaxText), relay(event),
                     seconds(event.delay), delays(event), event.tls, to_string(event.dsn),
                     name(event.status), sanitize_line(event.text, kMaxText));
}

std::string format(const NoticeEvent& event) {
  return fmt::format("{}: sender {} notice: {}", event.original.str(), event.kind,
                     event.notice.str());
}

void maillog(const QueuedEvent& event) {
  write(format(event), {});
}
void maillog(const DeliveryEvent& event) {
  write(format(event), {});
}
void maillog(const NoticeEvent& event) {
  write(format(event), {});
}
void maillog_removed(const MessageId& id) {
  write(id.str() + ": removed", {});
}

}  // namespace fulmar
