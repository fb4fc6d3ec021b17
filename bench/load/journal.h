// What the source saw: when each message was accepted, and how long that took.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace fulmar::load {

/// The machine's monotonic clock: figures of the source and of the sink can be compared.
using Moment = std::chrono::steady_clock::time_point;

/// How one message was accepted.
struct Acceptance {
  Moment offered;      ///< MAIL was sent.
  Moment handed_over;  ///< The server waits for the message, which is sent now.
  Moment replied;      ///< The reply to its last octet is here.
};

class Journal {
 public:
  /// With `every` above zero, a line of JSON goes to standard output about so often: when, how many
  /// messages were accepted since the line before, and how long that took.
  explicit Journal(std::size_t messages, std::chrono::seconds every = {});

  void accepted(Acceptance moments);

  [[nodiscard]] std::size_t count() const { return replied_.size(); }

  /// One JSON object. REQUIRES: at least one message was accepted.
  [[nodiscard]] std::string to_json();

 private:
  void tell_progress(Moment now);

  const std::chrono::seconds every_;
  Moment told_ = Moment::min();
  std::vector<std::chrono::nanoseconds> recent_;  ///< Since then.
  Moment first_ = Moment::max();
  std::vector<Moment> replied_;
  std::vector<std::chrono::nanoseconds> took_;
  std::vector<std::chrono::nanoseconds> took_message_;  ///< From when it was handed over.
};

}  // namespace fulmar::load
