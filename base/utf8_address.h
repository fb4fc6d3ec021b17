// Addresses beyond ASCII in the form that passes where only seven bits do. Pure. RFC 6533 §3
#pragma once

#include <string>
#include <string_view>

namespace fulmar {

/// The utf-8-addr-xtext of an address as it is: what is beyond ASCII, and what has a meaning of its
/// own in that form, becomes "\x{FC}". REQUIRES: valid UTF-8.
[[nodiscard]] std::string utf8_addr_xtext(std::string_view address);

/// The same address, which is in one of the forms already: only what is beyond ASCII changes.
/// REQUIRES: valid UTF-8.
[[nodiscard]] std::string seven_bit_form(std::string_view form);

}  // namespace fulmar
