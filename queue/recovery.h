// What a start makes of the rows it finds: which deliveries go on, which records are set aside,
// which bodies and envelopes nobody will ask for again. Pure; the engine feeds it and carries out
// what it says.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "queue/edits.h"
#include "queue/store.h"

namespace fulmar::queue {

/// Feed every row of three kinds, each in key order: first messages, then deliveries, then the
/// markers of open bodies.
class RecoveryScan {
 public:
  /// `found` is called with each delivery that goes on.
  explicit RecoveryScan(DeliveryVisitor found) : found_(std::move(found)) {}

  void message(std::string_view key, std::string_view value);
  void delivery(std::string_view key, std::string_view value);
  void open_body(std::string_view key);

  struct Findings {
    Recovered recovered;  ///< orphans_removed without the chunks: the engine counts those.
    std::vector<MessageId> lost_bodies;  ///< All their chunks are to be removed, before `removals`.
    Edits removals;
  };
  [[nodiscard]] Findings finish() &&;

 private:
  void set_aside(std::string_view key, Error why);
  void set_aside_delivery(std::string_view key, Error why);

  DeliveryVisitor found_;
  Findings findings_;
  std::vector<MessageId> wanted_;    ///< Messages that deliveries name, readable or not; sorted.
  std::vector<MessageId> readable_;  ///< Messages whose envelope decodes; sorted.
  std::vector<MessageId> present_;   ///< Messages that have a row, readable or not; sorted.
};

}  // namespace fulmar::queue
