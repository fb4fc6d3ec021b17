#include "queue/recovery.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "queue/codec.h"

namespace fulmar::queue {
namespace {

bool contains(const std::vector<MessageId>& sorted, const MessageId& id) {
  return std::ranges::binary_search(sorted, id);
}

/// "3KQ… example.com", as far as that can be read.
std::string printable(std::string_view key) {
  const auto id = parse_message_id(key);
  if (!id) return to_hex(key);
  if (key.size() == MessageId::kBytes) return id->str();
  const auto destination = parse_destination(key);
  if (!destination) return to_hex(key);
  return id->str() + ' ' + to_string(*destination);
}

Result<Delivery> check_delivery(std::string_view key, std::string_view value) {
  FULMAR_TRY(Delivery delivery, decode_delivery(value));
  if (delivery_key(delivery.message, delivery.destination) != key) {
    return fail(Errc::corrupt, "the delivery stands under another's key");
  }
  if (delivery.recipients.empty()) return fail(Errc::corrupt, "the delivery has no recipients");
  return delivery;
}

Result<Message> check_message(std::string_view key, std::string_view value) {
  FULMAR_TRY(Message message, decode_message(value));
  if (message_key(message.id) != key) {
    return fail(Errc::corrupt, "the envelope stands under another's key");
  }
  return message;
}

}  // namespace

void RecoveryScan::set_aside(std::string_view key, Error why) {
  findings_.recovered.set_aside.push_back({printable(key), std::move(why)});
}

void RecoveryScan::set_aside_delivery(std::string_view key, Error why) {
  if (const auto id = parse_message_id(key)) findings_.recovered.pinned.push_back(*id);
  set_aside(key, std::move(why));
}

void RecoveryScan::message(std::string_view key, std::string_view value) {
  if (const auto id = parse_message_id(key)) present_.push_back(*id);
  auto message = check_message(key, value);
  if (message) {
    readable_.push_back(message->id);
  } else {
    set_aside(key, std::move(message).error());
  }
}

void RecoveryScan::delivery(std::string_view key, std::string_view value) {
  // Even a delivery that cannot be read keeps its message: an operator may still mend it.
  const auto id = parse_message_id(key);
  if (id && (wanted_.empty() || wanted_.back() != *id)) wanted_.push_back(*id);
  auto delivery = check_delivery(key, value);
  if (!delivery) {
    set_aside_delivery(key, std::move(delivery).error());
  } else if (!contains(readable_, delivery->message)) {
    set_aside_delivery(key,
                       make_error(Errc::corrupt, "its envelope is missing or does not decode"));
  } else {
    found_(*delivery);
  }
}

void RecoveryScan::open_body(std::string_view key) {
  const std::string_view rest = key.substr(kOpenBodyPrefix.size());
  const auto id = parse_message_id(rest);
  if (!id || rest.size() != MessageId::kBytes) {
    set_aside(key, make_error(Errc::corrupt, "the marker of an open body has no queue id"));
    return;
  }
  if (!contains(present_, *id)) {
    // Its envelope is lost, but not its delivery: an operator may still want the body. The marker
    // stays, so that the body goes once the delivery has gone.
    if (contains(wanted_, *id)) return;
    findings_.lost_bodies.push_back(*id);
  }
  findings_.removals.push_back({Column::meta, std::string(key), std::nullopt});
}

RecoveryScan::Findings RecoveryScan::finish() && {
  std::vector<MessageId> orphans;
  std::ranges::set_difference(readable_, wanted_, std::back_inserter(orphans));
  for (const MessageId& orphan : orphans) {
    findings_.lost_bodies.push_back(orphan);
    findings_.removals.push_back({Column::messages, message_key(orphan), std::nullopt});
    ++findings_.recovered.orphans_removed;
  }
  auto& pinned = findings_.recovered.pinned;
  std::ranges::sort(pinned);
  const auto repeated = std::ranges::unique(pinned);
  pinned.erase(repeated.begin(), repeated.end());
  return std::move(findings_);
}

}  // namespace fulmar::queue
