// Which language a notice is written in. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fulmar::notice {

/// One of `available`: what the sender of a message with this header section asks for
/// (Accept-Language, RFC 3282), else the language of the message itself (Content-Language), else
/// `configured`, else "en". "de-AT" is served by "de", and "pt" by "pt-BR". The fields are a
/// client's bytes: of each no more than its start is read, and what is malformed there counts for
/// nothing. REQUIRES: "en" is available.
[[nodiscard]] std::string choose_language(std::string_view header, std::string_view configured,
                                          const std::vector<std::string>& available);

/// The one of `available` that serves `tag`, as above. Errc::invalid_argument, with the languages
/// that there are, when none does.
[[nodiscard]] Result<std::string> find_language(std::string_view tag,
                                                const std::vector<std::string>& available);

}  // namespace fulmar::notice
