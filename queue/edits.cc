#include "queue/edits.h"

#include <map>
#include <set>
#include <utility>

#include "base/check.h"
#include "queue/codec.h"

namespace fulmar::queue {
namespace {

constexpr std::size_t kMaxRecordKey = 512;

void check_table(std::string_view table) {
  FULMAR_CHECK(table == kPolicies || table == kSuspensions || table == kOwedNotices ||
               table == kOperatorDigest || table == kCleanStop);
}

/// Turns operations into edits one by one, and knows at the end which bodies are open.
class Translator {
 public:
  void operator()(PutMessage&& op) {
    // Chunks beyond those in this batch came before it and left a marker.
    declared_[op.message.id] += op.message.chunks;
    put(Column::messages, message_key(op.message.id), encode(op.message));
  }
  void operator()(PutChunk&& op) {
    FULMAR_CHECK(!op.bytes.empty() && op.bytes.size() <= kChunkSize);
    ++here_[op.message];
    put(Column::bodies, chunk_key(op.message, op.index), std::move(op.bytes));
  }
  void operator()(PutDelivery&& op) {
    const Delivery& delivery = op.delivery;
    put(Column::deliveries, delivery_key(delivery.message, delivery.destination), encode(delivery));
  }
  void operator()(RemoveDelivery&& op) {
    remove(Column::deliveries, delivery_key(op.message, op.destination));
  }
  void operator()(RemoveMessage&& op) {
    remove(Column::messages, message_key(op.message));
    for (std::uint32_t i = 0; i < op.chunks; ++i) {
      remove(Column::bodies, chunk_key(op.message, i));
    }
  }
  void operator()(PutRecord&& op) {
    check_table(op.table);
    FULMAR_CHECK(!op.key.empty() && op.key.size() <= kMaxRecordKey);
    put(Column::records, record_key(op.table, op.key), std::move(op.value));
  }
  void operator()(RemoveRecord&& op) {
    check_table(op.table);
    remove(Column::records, record_key(op.table, op.key));
  }

  Edits finish() && {
    for (const auto& [message, chunks] : declared_) {
      const auto found = here_.find(message);
      const std::uint32_t count = found == here_.end() ? 0 : found->second;
      if (chunks > count) remove(Column::meta, open_body_key(message));
    }
    for (const auto& [message, _] : here_) {
      if (!declared_.contains(message)) put(Column::meta, open_body_key(message), "");
    }
    return std::move(edits_);
  }

 private:
  void put(Column column, std::string key, std::string value) {
    edits_.push_back({column, std::move(key), std::move(value)});
  }
  void remove(Column column, std::string key) {
    edits_.push_back({column, std::move(key), std::nullopt});
  }

  Edits edits_;
  std::map<MessageId, std::uint32_t> declared_;  ///< Chunks that put messages say they have.
  std::map<MessageId, std::uint32_t> here_;      ///< Chunks put by this batch.
};

bool is_marker(const Edit& edit) {
  return edit.column == Column::meta && edit.key.starts_with(kOpenBodyPrefix);
}

/// The key of the message that a row belongs to; empty for rows that belong to none.
std::string_view message_part(const Edit& edit) {
  if (edit.column == Column::records) return {};
  const std::size_t skip = is_marker(edit) ? kOpenBodyPrefix.size() : 0;
  return std::string_view(edit.key).substr(skip, MessageId::kBytes);
}

}  // namespace

Edits to_edits(Batch batch) {
  Translator translator;
  for (Operation& operation : batch)
    std::visit(translator, std::move(operation));
  return std::move(translator).finish();
}

Edits discard_edits(const MessageId& message, std::uint32_t chunks) {
  Edits edits;
  for (std::uint32_t i = 0; i < chunks; ++i) {
    edits.push_back({Column::bodies, chunk_key(message, i), std::nullopt});
  }
  edits.push_back({Column::meta, open_body_key(message), std::nullopt});
  return edits;
}

Edits undo_edits(std::span<const Edit> failed) {
  std::set<std::string_view> brought;
  for (const Edit& edit : failed) {
    if (edit.column == Column::messages && edit.value) brought.insert(edit.key);
  }
  Edits undo;
  for (const Edit& edit : failed) {
    const bool marker = is_marker(edit);
    // To bring a message is to put its rows and to take its marker away.
    const bool brings = edit.value.has_value() != marker && brought.contains(message_part(edit));
    if (!brings) return {};
    // A marker comes back, whatever else goes: the chunks it stands for are still there.
    undo.push_back({edit.column, edit.key, marker ? std::optional(std::string()) : std::nullopt});
  }
  return undo;
}

std::size_t cost(std::span<const Edit> edits) {
  std::size_t octets = 0;
  for (const Edit& edit : edits) {
    octets += sizeof(Edit) + edit.key.size() + (edit.value ? edit.value->size() : 0);
  }
  return octets;
}

std::string table_prefix(std::string_view table) {
  return std::string(table) + '\0';
}

std::string record_key(std::string_view table, std::string_view key) {
  return table_prefix(table).append(key);
}

std::string open_body_key(const MessageId& message) {
  return std::string(kOpenBodyPrefix) + message_key(message);
}

}  // namespace fulmar::queue
