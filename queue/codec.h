// Versioned encoding of spool records. Pure, fuzzed. The format is written down in
// docs/queue-format.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "queue/message.h"

namespace fulmar::queue {

[[nodiscard]] std::string encode(const Message& message);
[[nodiscard]] std::string encode(const Delivery& delivery);

/// Errc::corrupt when bytes are missing, left over or out of bounds; Errc::newer_version when a
/// later version wrote them. Never throws; memory stays within a small multiple of the input.
[[nodiscard]] Result<Message> decode_message(std::string_view bytes);
[[nodiscard]] Result<Delivery> decode_delivery(std::string_view bytes);

/// Keys sort by message id, so that all records of a message stand together and messages stand by
/// age.
[[nodiscard]] std::string message_key(const MessageId& id);
[[nodiscard]] std::string delivery_key(const MessageId& id, const MailHost& destination);
[[nodiscard]] std::string chunk_key(const MessageId& id, std::uint32_t index);

/// What any of these keys starts with. Errc::corrupt when it is too short for that.
[[nodiscard]] Result<MessageId> parse_message_id(std::string_view key);
/// The destination of a delivery_key(). Errc::corrupt when there is none.
[[nodiscard]] Result<MailHost> parse_destination(std::string_view key);

}  // namespace fulmar::queue
