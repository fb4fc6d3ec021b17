#include "base/language_tag.h"

#include <algorithm>

namespace fulmar {
namespace {

bool is_small(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_large(char c) {
  return c >= 'A' && c <= 'Z';
}

}  // namespace

bool is_language_tag(std::string_view text) {
  const std::string_view language = primary_language(text);
  const bool sound =
      (language.size() == 2 || language.size() == 3) && std::ranges::all_of(language, is_small);
  if (!sound || language.size() == text.size()) return sound;
  const std::string_view region = text.substr(language.size() + 1);
  return region.size() == 2 && std::ranges::all_of(region, is_large);
}

std::string_view primary_language(std::string_view tag) {
  return tag.substr(0, tag.find('-'));
}

}  // namespace fulmar
