// What a submission listener does to the header section of a message, while the message streams by:
// it adds the Date and Message-ID that are missing, takes out what must not travel, and refuses
// what no message may be. A relay must not do any of this. Pure, bounded. RFC 6409 §8, RFC 5322
// §3.6, §2.1.1
//
// It stands behind ServerData, which decodes, and refuses bare CR, bare LF and NUL; the two
// refusals are independent. The Received field that intake puts on top is no business of this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "mta/smtp/data_refusal.h"

namespace fulmar::smtp {

/// Withholds the header section until it is known whole, then lets it out with these edits, and all
/// that follows as it is:
/// - Bcc and Resent-Bcc go, with the lines they are folded over: who was blind-copied stays unknown
///   (RFC 5322 §3.6.3);
/// - so does Return-Path, which only final delivery writes (RFC 5321 §4.4);
/// - a Message-ID that is none goes (RFC 6409 §8.3);
/// - Date and Message-ID come at the end of the section where there is none.
/// Every other octet stays, in its place.
class SubmissionHeader {
 public:
  /// REQUIRES: one line each, without line end.
  struct Additions {
    std::string date;        ///< A date-time of RFC 5322 §3.3.
    std::string message_id;  ///< "<...@...>", like no other.
  };
  /// Octets of a header section, line ends and the empty line included.
  static constexpr std::size_t kMaxOctets = 256 * 1024;
  /// Octets of one line of it, without its CRLF. RFC 5322 §2.1.1
  static constexpr std::size_t kMaxLine = 998;

  explicit SubmissionHeader(Additions additions) : additions_(std::move(additions)) {}

  /// The next decoded octets of the message, cut anywhere. Appends to `out` what may be passed on:
  /// nothing before the end of the header section, and never anything of a message that is refused
  /// here.
  void add(std::string_view octets, std::string& out);
  /// The message is over; a header section without an empty line behind it is let out now. The last
  /// call.
  void finish(std::string& out);

  /// Why the message is not taken; it is known as soon as it shows, said after the end of data, and
  /// final after finish(). The same for the same message however it was cut. Retry::never, and:
  /// - 554 5.6.0 Errc::syntax: a line before the end of the header section that is neither a field
  ///   nor the continuation of one; no From field, or one that is malformed or has no address;
  ///   several addresses in it and no Sender field; a Sender field that is not one address; more
  ///   than one of the fields that may stand once;
  /// - 550 5.6.0 Errc::limit: a line over kMaxLine octets in the header section (for those of the
  ///   body see DataReader::longest_line());
  /// - 552 5.3.4 Errc::limit: a header section over kMaxOctets octets.
  [[nodiscard]] const std::optional<DataRefusal>& refusal() const { return refusal_; }

  /// Whom the message claims to be from (RFC 5322 §3.6.2): the addresses in From and Sender, in the
  /// order of the message. Whether the user who submits it may is for the caller to judge. Final
  /// once something was let out or finish() has been called; not all of them when the message is
  /// refused.
  [[nodiscard]] const std::vector<Mailbox>& originators() const { return originators_; }

 private:
  enum class At : std::uint8_t { header, body, refused };
  std::size_t fill_line(std::string_view octets);
  void take_line(std::string_view line, std::string& out);
  void end_field();
  void read_addresses(std::string_view name, std::string_view body);
  void end_section(std::string_view empty_line, std::string& out);
  void add_missing();
  [[nodiscard]] bool has(std::string_view name) const;
  void refuse(std::uint16_t code, Errc errc, EnhancedStatus status, std::string text);
  void refuse_long_line();
  void refuse_syntax(std::string text);

  Additions additions_;
  At at_ = At::header;
  std::size_t octets_ = 0;                 ///< Of whole lines of the header section.
  std::string line_;                       ///< The beginning of a line, until its end is there.
  std::string field_;                      ///< The latest field, which the next line may continue.
  std::string kept_;                       ///< The fields before it that will be let out.
  std::vector<std::string_view> present_;  ///< Which of the fields that may stand once there are.
  bool has_message_id_ = false;            ///< A usable one.
  std::size_t from_count_ = 0;             ///< Addresses in From.
  std::vector<Mailbox> originators_;
  std::optional<DataRefusal> refusal_;
};

}  // namespace fulmar::smtp
