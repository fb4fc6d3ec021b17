// The messages that the source sends: a header, and lines of text that do not compress well.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fulmar::load {

/// Pure, and the same in every run.
class MessageText {
 public:
  /// Messages will have `size` octets, or as many as the header needs.
  explicit MessageText(std::size_t size);

  /// Writes message `number` and the final dot over `out`. No line starts with a dot.
  void write(std::size_t number, std::string_view recipient, std::string& out) const;

 private:
  std::size_t size_;
  std::string lines_;
};

}  // namespace fulmar::load
