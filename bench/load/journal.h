// What the source saw: when each message was accepted, and how long that took.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace fulmar::load {

/// The machine's monotonic clock: figures of the source and of the sink can be compared.
using Moment = std::chrono::steady_clock::time_point;

class Journal {
 public:
  explicit Journal(std::size_t messages);

  /// A message was offered (MAIL was sent) and accepted (the reply to its last octet).
  void accepted(Moment offered, Moment replied);

  [[nodiscard]] std::size_t count() const { return replied_.size(); }

  /// One JSON object. REQUIRES: at least one message was accepted.
  [[nodiscard]] std::string to_json();

 private:
  Moment first_ = Moment::max();
  std::vector<Moment> replied_;
  std::vector<std::chrono::nanoseconds> took_;
};

}  // namespace fulmar::load
