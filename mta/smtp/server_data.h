// The data of one incoming message as it streams by: decoded, measured, judged. Pure. What is wrong
// with it is known as soon as it shows, and said after the end of data, because until then nobody
// listens (RFC 5321 §4.1.1.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "mta/smtp/dot_stuffing.h"
#include "mta/smtp/server_header_scan.h"
#include "mta/smtp/submission_header.h"

namespace fulmar::smtp {

class ServerData {
 public:
  struct Limits {
    std::uint64_t size = 0;  ///< Octets; 0: none.
    std::size_t received_headers = 0;
  };
  /// Octets of a line after which it is no mail; shorter ones pass unchanged, over 998 or not
  /// (pitfall 80).
  static constexpr std::size_t kMaxLine = 65536;
  /// How many times the size limit a client may send before it is cut off instead of heard out.
  static constexpr std::uint64_t kPatience = 8;

  /// With `additions` it is a submission: its header section is completed, and no line has more
  /// than 998 octets.
  ServerData(Limits limits, DataReader::OnBareNewline policy, DataReader::Framing framing,
             std::optional<SubmissionHeader::Additions> additions)
      : limits_(limits), policy_(policy), reader_(policy, framing) {
    if (additions) submission_.emplace(*std::move(additions));
  }

  /// Appends to `out` what is to be stored; the octets of `input` that were taken. REQUIRES: not
  /// complete().
  [[nodiscard]] std::size_t read(std::string_view input, std::string& out);

  /// The last of the counted octets were read; completes the data. REQUIRES: counted.
  void finish(std::string& out);

  [[nodiscard]] bool complete() const { return complete_; }
  /// The same for the same data, however it was cut, once it is complete.
  [[nodiscard]] std::optional<DataRefusal> refusal() const;
  /// So much over the limit that it is not worth reading on.
  [[nodiscard]] bool is_hopeless() const;

  /// Octets as they came, without what was stuffed or is added.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Of a submission: whom it claims to be from. REQUIRES: complete().
  [[nodiscard]] std::vector<Mailbox> originators() const;
  [[nodiscard]] bool saw_eight_bit() const { return reader_.saw_eight_bit(); }
  /// In the header section. REQUIRES: complete().
  [[nodiscard]] bool saw_eight_bit_header() const { return header_.saw_eight_bit(); }
  /// REQUIRES: complete().
  [[nodiscard]] bool says_tls_required_no() const { return header_.says_tls_required_no(); }

 private:
  void look_at(std::string_view decoded);
  [[nodiscard]] std::size_t longest_allowed() const;

  Limits limits_;
  DataReader::OnBareNewline policy_;
  DataReader reader_;
  HeaderScan header_;
  std::optional<SubmissionHeader> submission_;
  std::uint64_t size_ = 0;
  bool complete_ = false;
};

}  // namespace fulmar::smtp
