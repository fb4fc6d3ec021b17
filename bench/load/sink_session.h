// One connection to the sink, without I/O: octets in, replies out. Mail is counted and thrown away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fulmar::load {

/// What all connections together brought. The source's recipients are "m<number>@…": by the number
/// a message that comes twice is told from a new one.
struct Tally {
  std::size_t messages = 0;  ///< Different ones.
  std::size_t duplicates = 0;
  std::size_t under_tls = 0;
  std::size_t octets = 0;
  std::vector<bool> seen;

  void take(std::size_t number, bool tls, std::size_t size);
};

class SinkSession {
 public:
  struct Offers {
    bool starttls = false;
    bool chunking = false;
  };
  enum class Next : std::uint8_t { read, start_tls, close };

  /// `tally` must outlive the session.
  SinkSession(Tally& tally, Offers offers) : tally_(tally), offers_(offers) {}

  static constexpr std::string_view kGreeting = "220 sink.example ESMTP\r\n";

  /// Takes what arrived and appends the replies to it. After start_tls whatever was still unread is
  /// forgotten, as RFC 3207 §4 wants.
  Next take(std::string_view arrived, std::string& replies);

  /// The handshake is done.
  void tls_started();

 private:
  Next take_line(std::string_view line, std::string& replies);
  bool take_data(std::string& replies);
  Next take_bdat(std::string_view line, std::string& replies);
  bool take_chunk(std::string& replies);

  Tally& tally_;
  Offers offers_;
  bool tls_ = false;
  bool in_data_ = false;
  bool in_chunk_ = false;
  bool last_chunk_ = false;
  std::size_t chunk_left_ = 0;
  std::size_t number_ = 0;
  std::size_t size_ = 0;
  std::string pending_;
};

}  // namespace fulmar::load
