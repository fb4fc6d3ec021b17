#include "mta/smtp/server_replies.h"

#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace fulmar::smtp {
namespace {

constexpr std::size_t kMaxText = 400;  // RFC 5321 §4.5.3.1.5: 512 octets a line, all in all

std::string line(std::uint16_t code, char separator, std::string_view text) {
  return std::to_string(code) + separator + sanitize_line(text, kMaxText) + "\r\n";
}

}  // namespace

void ServerReplies::add(std::uint16_t code, EnhancedStatus status, std::string_view text) {
  FULMAR_CHECK(code / 100 == status.klass);
  bytes_ += line(code, ' ', to_string(status) + ' ' + std::string(text));
}

void ServerReplies::add_plain(std::uint16_t code, std::string_view text) {
  bytes_ += line(code, ' ', text);
}

void ServerReplies::add_challenge(std::string_view text) {
  bytes_.append("334 ").append(text).append("\r\n");
}

void ServerReplies::add_plain_lines(std::uint16_t code, const std::vector<std::string>& lines) {
  FULMAR_CHECK(!lines.empty());
  for (const std::string& each : lines)
    bytes_ += line(code, &each == &lines.back() ? ' ' : '-', each);
}

std::string ServerReplies::take() {
  return std::exchange(bytes_, {});
}

}  // namespace fulmar::smtp
