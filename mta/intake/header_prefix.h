// The beginning of a message's header section, kept beside the envelope so that a notice can return
// it without reading the body. Pure, bounded. RFC 3462 §2
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fulmar::intake {

class HeaderPrefix {
 public:
  static constexpr std::size_t kMaxOctets = 16 * 1024;

  /// The next octets of the message, cut anywhere.
  void add(std::string_view bytes);

  /// Whole fields only, each with its CRLF: up to the end of the section, to the bound, or to the
  /// first line that is no field.
  [[nodiscard]] std::string whole_fields() const;

 private:
  std::string bytes_;
};

}  // namespace fulmar::intake
