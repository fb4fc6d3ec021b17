// Names of languages, as far as this program uses them. Pure. RFC 5646 §2.1
#pragma once

#include <string_view>

namespace fulmar {

/// "en", "pt-BR": a language of two or three small letters, perhaps with a region of two large ones
/// (RFC 5646 §2.1.1 recommends this spelling).
[[nodiscard]] bool is_language_tag(std::string_view text);

/// "pt" of "pt-BR". REQUIRES: a language tag.
[[nodiscard]] std::string_view primary_language(std::string_view tag);

}  // namespace fulmar
