#include "mta/smtp/address_list.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

bool is_white_space(char c) {
  return c == ' ' || c == '\t';
}

/// Neither in a header field nor in any part of one; CR and LF that do not fold are among them.
bool is_forbidden(char c) {
  return !is_printable(c) && !is_utf8_octet(c) && c != '\t';
}

/// RFC 5322 §3.2.3 atext with UTF-8, and the dot: what atoms, dot-atoms and the words of a display
/// name consist of.
bool is_word_octet(char c) {
  return is_atext(c) || c == '.';
}

/// The octets of the quoted form that `text` begins with, both ends included; 0 when it stays open.
/// A backslash takes the next octet with it. RFC 5322 §3.2.4
std::size_t quoted_length(std::string_view text, char end) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == end) {
      return i + 1;
    }
  }
  return 0;
}

/// The same for a comment, which may hold others. RFC 5322 §3.2.2
std::size_t comment_length(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

/// Words before an @, a < or a colon: a display name, or a local part if there is only one.
struct Words {
  std::size_t count = 0;
  std::string_view last;
};

/// Recursive descent over one unfolded line, which must outlive it; a group is the only recursion,
/// and holds no other.
class AddressListReader {
 public:
  explicit AddressListReader(std::string_view text) : rest_(text) {}

  /// address-list: every step either takes octets or fails, so it ends.
  Result<std::vector<Mailbox>> read() && {
    FULMAR_TRY_VOID(read_addresses(Groups::allowed));
    if (!rest_.empty()) return malformed();
    return std::move(mailboxes_);
  }

 private:
  enum class Groups : std::uint8_t { none, allowed };

  static std::unexpected<Error> malformed() { return fail(Errc::syntax, "malformed address list"); }

  /// White space and comments may stand before any part and after the last one.
  char peek() {
    rest_ = skip_comments(rest_);
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool take(char wanted) {
    if (peek() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view take_octets(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view take_word_octets() {
    const auto end = std::ranges::find_if_not(rest_, is_word_octet);
    return take_octets(static_cast<std::size_t>(end - rest_.begin()));
  }

  /// Empty when there is none.
  std::string_view take_word() {
    if (peek() == '"') return take_octets(quoted_length(rest_, '"'));
    return take_word_octets();
  }

  Words take_words() {
    Words words;
    while (true) {
      const std::string_view word = take_word();
      if (word.empty()) return words;
      ++words.count;
      words.last = word;
    }
  }

  Result<> read_addresses(Groups groups) {
    do {
      FULMAR_TRY_VOID(read_address(groups));
    } while (take(','));
    return {};
  }

  Result<> read_address(Groups groups) {
    const Words words = take_words();
    if (words.count == 1 && take('@')) return read_domain(words.last);
    if (take('<')) return read_angle_address();
    if (groups == Groups::allowed && words.count > 0 && take(':')) return read_group();
    return malformed();
  }

  Result<> read_angle_address() {
    const std::string_view local_part = take_word();
    if (!take('@')) return malformed();
    FULMAR_TRY_VOID(read_domain(local_part));
    if (!take('>')) return malformed();
    return {};
  }

  Result<> read_group() {
    if (take(';')) return {};
    FULMAR_TRY_VOID(read_addresses(Groups::none));
    if (!take(';')) return malformed();
    return {};
  }

  Result<> read_domain(std::string_view local_part) {
    const std::string_view domain =
        peek() == '[' ? take_octets(quoted_length(rest_, ']')) : take_word_octets();
    if (domain.ends_with('.')) return malformed();  // Domain would take it
    return add(std::string(local_part).append("@").append(domain));
  }

  /// A quoted local part could hold angle brackets, which no Mailbox may have.
  Result<> add(const std::string& address) {
    if (address.find_first_of("<>") != std::string::npos) return malformed();
    if (mailboxes_.size() == kMaxMailboxes) {
      return fail(Errc::limit, "over 1000 addresses in one field");
    }
    FULMAR_TRY(Mailbox mailbox, Mailbox::parse(address));
    mailboxes_.push_back(std::move(mailbox));
    return {};
  }

  std::string_view rest_;
  std::vector<Mailbox> mailboxes_;
};

}  // namespace

Result<std::vector<Mailbox>> parse_address_list(std::string_view body) {
  const std::string line = unfold(body);
  if (std::ranges::any_of(line, is_forbidden)) {
    return fail(Errc::syntax, "control character in address list");
  }
  return AddressListReader(line).read();
}

std::string unfold(std::string_view body) {
  std::string line;
  while (true) {
    const auto end = std::min(body.find("\r\n"), body.size());
    line.append(body.substr(0, end));
    body.remove_prefix(end);
    if (body.empty()) return line;
    const bool folds = body.size() > 2 && is_white_space(body[2]);
    if (!folds) line.append(body.substr(0, 2));
    body.remove_prefix(2);
  }
}

std::string_view skip_comments(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = 0;
    if (is_white_space(text.front())) length = 1;
    if (text.front() == '(') length = comment_length(text);
    if (length == 0) break;
    text.remove_prefix(length);
  }
  return text;
}

}  // namespace fulmar::smtp
