// What intake must know of a header section, found while the message streams by: how many Received
// fields there are, so that a loop is seen before the message is stored, and whether it says
// TLS-Required: No. Pure, constant memory. RFC 5321 §6.3, RFC 8689 §3; pitfall 53
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fulmar::smtp {

class HeaderScan {
 public:
  /// Octets kept of the body of a TLS-Required field; a longer one does not say No.
  static constexpr std::size_t kMaxFieldBody = 256;

  /// The next decoded octets of the message, cut anywhere.
  void scan(std::string_view bytes);

  /// Fields of that name in the header section so far, in any case, however malformed behind the
  /// name.
  [[nodiscard]] std::size_t received_fields() const { return received_; }

  /// Octets over 127 in the header section so far: it needs SMTPUTF8. RFC 6532 §3
  [[nodiscard]] bool saw_eight_bit() const { return saw_eight_bit_; }

  /// There is one TLS-Required field, and it says No: in any case, folded or not, comments aside.
  /// Two of them contradict RFC 8689 §3, and count for nothing. Final once the header section is
  /// over.
  [[nodiscard]] bool says_tls_required_no() const;

 private:
  enum class At : std::uint8_t { line_start, name, after_name, tls_required, in_line, body };
  void step(char c);
  void skip_line(std::string_view& bytes);
  void begin_line(char c);
  void end_name();

  At at_ = At::line_start;
  std::string name_;              ///< Of the field that begins on this line, in lower case.
  bool in_tls_required_ = false;  ///< The latest field is one, which a folded line continues.
  std::size_t received_ = 0;
  bool saw_eight_bit_ = false;
  std::size_t tls_required_ = 0;
  std::string tls_required_body_;  ///< Of all these fields; read only when there is one.
};

}  // namespace fulmar::smtp
