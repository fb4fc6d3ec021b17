// A Batch as the rows it changes: which column, which key, which value. Pure. Every engine applies
// the same edits, so what stands in the spool does not depend on the engine. docs/queue-format.md
// lists columns and keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "queue/store.h"

namespace fulmar::queue {

/// Rows of one kind, sorted by key. Names and order are part of the format.
enum class Column : std::uint8_t { meta, messages, deliveries, bodies, records };
inline constexpr std::array<std::string_view, 5> kColumnNames = {"default", "messages",
                                                                 "deliveries", "bodies", "records"};

struct Edit {
  Column column = Column::meta;
  std::string key;
  std::optional<std::string> value;  ///< Empty: the row is removed.
  friend bool operator==(const Edit&, const Edit&) = default;
};
using Edits = std::vector<Edit>;

/// The edits of a batch, in its order. REQUIRES: the bounds that store.h gives for the operations.
///
/// A chunk whose message is not put by the same batch also puts a marker that says "this body is
/// open"; the batch that puts the message takes the marker away. So a start finds every body that
/// nobody will ever ask for without looking at bodies.
[[nodiscard]] Edits to_edits(Batch batch);

/// What discard_body() changes.
[[nodiscard]] Edits discard_edits(const MessageId& message, std::uint32_t chunks);

/// What makes sure that the messages which `failed` would have brought are not there, though the
/// write that failed may have reached the disk: their senders were told to try again.
///
/// Empty unless all that `failed` does is to bring new messages. A batch that changes other records
/// too, such as one that removes a delivery and puts the notice about it, stands or falls as a
/// whole: to take back the part that can be taken back would lose the message and its notice
/// together.
[[nodiscard]] Edits undo_edits(std::span<const Edit> failed);

/// Octets that an edit occupies while it waits.
[[nodiscard]] std::size_t cost(std::span<const Edit> edits);

[[nodiscard]] std::string record_key(std::string_view table, std::string_view key);

/// What all keys of a table start with.
[[nodiscard]] std::string table_prefix(std::string_view table);

/// The marker of an open body, in Column::meta, and what all markers start with.
[[nodiscard]] std::string open_body_key(const MessageId& message);
inline constexpr std::string_view kOpenBodyPrefix = "open/";

/// The row of Column::meta that says which version of the format the spool has: four octets,
/// little-endian.
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::uint32_t kFormatVersion = 1;

}  // namespace fulmar::queue
