#include "mta/smtp/server_data.h"

#include "base/check.h"

namespace fulmar::smtp {
namespace {

DataRefusal refuse(std::uint16_t code, Errc errc, EnhancedStatus status, std::string text) {
  DataRefusal refusal{.code = code, .why = make_error(errc, std::move(text))};
  refusal.why.retry = Retry::never;
  refusal.why.status = status;
  return refusal;
}

}  // namespace

std::size_t ServerData::read(std::string_view input, std::string& out) {
  FULMAR_CHECK(!complete_);
  std::string separate;
  std::string& decoded = submission_ ? separate : out;
  const std::size_t before = decoded.size();
  const DataReader::Progress progress = reader_.read(input, decoded);
  look_at(std::string_view(decoded).substr(before));
  complete_ = progress.complete;
  if (submission_) {
    submission_->add(decoded, out);
    if (complete_) submission_->finish(out);
  }
  return progress.consumed;
}

void ServerData::finish(std::string& out) {
  FULMAR_CHECK(!complete_);
  std::string rest;
  reader_.finish(rest);
  look_at(rest);
  complete_ = true;
  if (!submission_) {
    out += rest;
    return;
  }
  submission_->add(rest, out);
  submission_->finish(out);
}

void ServerData::look_at(std::string_view decoded) {
  header_.scan(decoded);
  size_ += decoded.size();
}

std::optional<DataRefusal> ServerData::refusal() const {
  if (policy_ == DataReader::OnBareNewline::reject && reader_.saw_bare_newline()) {
    return refuse(550, Errc::syntax, {5, 5, 2}, "bare CR or LF in message; lines end in CRLF");
  }
  if (reader_.saw_nul()) return refuse(550, Errc::syntax, {5, 6, 0}, "NUL in message");
  if (reader_.longest_line() > longest_allowed()) {
    return refuse(550, Errc::limit, {5, 6, 0},
                  "line over " + std::to_string(longest_allowed()) + " octets in message");
  }
  if (header_.received_fields() > limits_.received_headers) {  // RFC 5321 §6.3
    return refuse(554, Errc::mail_loop, {5, 4, 6}, "too many Received fields; mail loop");
  }
  if (limits_.size != 0 && size_ > limits_.size) {  // RFC 1870 §6.4
    return refuse(552, Errc::limit, {5, 3, 4}, "message over the size limit");
  }
  return submission_ ? submission_->refusal() : std::nullopt;
}

/// RFC 5322 §2.1.1 for what begins here; what is on its way is not for us to judge.
std::size_t ServerData::longest_allowed() const {
  return submission_ ? SubmissionHeader::kMaxLine : kMaxLine;
}

std::vector<Mailbox> ServerData::originators() const {
  return submission_ ? submission_->originators() : std::vector<Mailbox>();
}

bool ServerData::is_hopeless() const {
  return limits_.size != 0 && size_ / kPatience > limits_.size;
}

}  // namespace fulmar::smtp
