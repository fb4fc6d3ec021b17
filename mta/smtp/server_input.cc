#include "mta/smtp/server_input.h"

#include <algorithm>

#include "base/check.h"

namespace fulmar::smtp {

void ServerInput::feed(std::string_view bytes) {
  bytes_.erase(0, taken_);
  taken_ = 0;
  bytes_ += bytes;
}

bool ServerInput::has_line() {
  if (rest().find('\n') != std::string_view::npos || dropped_ > kHardLine) return true;
  if (dropped_ + rest().size() < longest_line_) return false;
  if (dropped_ == 0) head_ = rest().substr(0, kHead);
  dropped_ += rest().size();
  clear();
  return dropped_ > kHardLine;
}

ServerInput::Line ServerInput::next_line() {
  const std::string_view unread = rest();
  const auto end = unread.find('\n');
  const std::size_t length = dropped_ + std::min(end, unread.size()) + 1;
  if (length > kHardLine) return {.text = head_, .fault = Fault::endless};
  FULMAR_CHECK(end != std::string_view::npos);
  std::string_view text = unread.substr(0, end);
  taken_ += end + 1;
  if (length > longest_line_) {
    if (dropped_ == 0) head_ = text.substr(0, kHead);
    dropped_ = 0;
    return {.text = head_, .fault = Fault::too_long};
  }
  dropped_ = 0;
  if (!text.ends_with('\r')) return {.text = std::string(text), .fault = Fault::bare_newline};
  text.remove_suffix(1);
  return {.text = std::string(text), .fault = Fault::none};
}

void ServerInput::consume(std::size_t count) {
  FULMAR_CHECK(count <= rest().size());
  taken_ += count;
}

void ServerInput::clear() {
  bytes_.clear();
  taken_ = 0;
}

}  // namespace fulmar::smtp
