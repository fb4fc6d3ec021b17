#include "mta/delivery/owed_notice_codec.h"

#include <utility>

#include "base/check.h"
#include "base/wire.h"
#include "queue/codec.h"

namespace fulmar::delivery {

namespace {

constexpr std::uint8_t kTag = 'O';
constexpr std::uint8_t kVersion = 1;

/// The delivery as far as a notice needs it, with those recipients that the words are about.
queue::Delivery delivery_to_keep(const OwedNotice& owed) {
  queue::Delivery delivery = owed.delivery;
  delivery.recipients.clear();
  for (const OwedWord& word : owed.words)
    delivery.recipients.push_back(word.recipient);
  if (delivery.history.size() > 1) {
    delivery.history.erase(delivery.history.begin(), delivery.history.end() - 1);
  }
  queue::bound_texts(delivery);
  return delivery;
}

}  // namespace

std::string encode(const OwedNotice& owed) {
  FULMAR_CHECK(!owed.words.empty());
  Writer out;
  out.u8(kTag);
  out.u8(kVersion);
  out.text(queue::encode(owed.message));
  out.text(queue::encode(delivery_to_keep(owed)));
  for (const OwedWord& word : owed.words) {
    // By name: names are stable, the order of the enumerators is not.
    out.text(notice::to_string(word.kind));
    out.flag(word.expired);
  }
  out.text(owed.content);
  out.flag(owed.held);
  out.time(owed.give_up_at);
  out.u8(static_cast<std::uint8_t>(owed.next_attempts.size()));
  for (const UtcTime at : owed.next_attempts)
    out.time(at);
  return std::move(out).take();
}

Result<OwedNotice> decode_owed_notice(std::string_view bytes) {
  Reader in(bytes);
  FULMAR_TRY(const std::uint8_t tag, in.u8());
  FULMAR_TRY(const std::uint8_t version, in.u8());
  if (tag != kTag || version == 0) return fail(Errc::corrupt, "no owed notice");
  if (version > kVersion) return fail(Errc::newer_version, "written by a later version");
  OwedNotice owed;
  FULMAR_TRY(const std::string_view message, in.text());
  FULMAR_TRY(owed.message, queue::decode_message(message));
  if (!owed.message.sender) return fail(Errc::corrupt, "nobody to tell");
  FULMAR_TRY(const std::string_view delivery, in.text());
  FULMAR_TRY(owed.delivery, queue::decode_delivery(delivery));
  for (queue::Recipient& recipient : std::exchange(owed.delivery.recipients, {})) {
    OwedWord word{.recipient = std::move(recipient)};
    FULMAR_TRY(const std::string_view kind, in.text());
    const auto known = notice::parse_kind(kind);
    if (!known) return fail(Errc::corrupt, "unknown kind of notice");
    word.kind = *known;
    FULMAR_TRY(word.expired, in.flag());
    owed.words.push_back(std::move(word));
  }
  if (owed.words.empty()) return fail(Errc::corrupt, "nothing to tell");
  FULMAR_TRY(owed.content, in.text());
  if (owed.content.size() > notice::kMaxReturned) return fail(Errc::corrupt, "too much content");
  FULMAR_TRY(owed.held, in.flag());
  FULMAR_TRY(owed.give_up_at, in.time());
  FULMAR_TRY(const std::uint8_t attempts, in.u8());
  for (std::uint8_t i = 0; i < attempts; ++i) {
    FULMAR_TRY(const UtcTime at, in.time());
    owed.next_attempts.push_back(at);
  }
  if (in.left() != 0) return fail(Errc::corrupt, "octets left over");
  return owed;
}

}  // namespace fulmar::delivery
