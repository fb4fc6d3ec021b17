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
  dropped_ += rest().size();
  clear();
  return dropped_ > kHardLine;
}

ServerInput::Line ServerInput::next_line() {
  const std::string_view unread = rest();
  const auto end = unread.find('\n');
  const std::size_t length = dropped_ + std::min(end, unread.size()) + 1;
  if (length > kHardLine) return {.text = {}, .fault = Fault::endless};
  FULMAR_CHECK(end != std::string_view::npos);
  std::string_view text = unread.substr(0, end);
  taken_ += end + 1;
  dropped_ = 0;
  if (length > longest_line_) return {.text = {}, .fault = Fault::too_long};
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
