#include "queue/message.h"

#include <algorithm>
#include <string_view>

namespace fulmar::queue {
namespace {

constexpr std::size_t kSharedTexts = 64 * 1024;
constexpr std::size_t kShortestBound = 300;
constexpr std::size_t kLongestBound = 4 * 1024;
constexpr std::string_view kCut = "[...]";
constexpr std::size_t kLongestCharacter = 4;  // RFC 3629 §3

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// At most `limit` octets, the mark of the cut included. No character of UTF-8 is cut in two;
/// octets that are not UTF-8 are cut where the limit is.
void shorten(std::string& text, std::size_t limit) {
  if (text.size() <= limit) return;
  const std::size_t most = limit - kCut.size();
  std::size_t end = most;
  while (continues_character(text[end]) && most - end < kLongestCharacter)
    --end;
  if (continues_character(text[end])) end = most;
  text.resize(end);
  text += kCut;
  text.shrink_to_fit();
}

}  // namespace

void bound_texts(Delivery& delivery) {
  if (delivery.recipients.empty()) return;
  const std::size_t limit =
      std::clamp(kSharedTexts / delivery.recipients.size(), kShortestBound, kLongestBound);
  for (Recipient& recipient : delivery.recipients) {
    shorten(recipient.last_reply, limit);
    if (recipient.last_failure) shorten(recipient.last_failure->detail, limit);
  }
}

}  // namespace fulmar::queue
