#include "bench/load/sink_session.h"

#include <algorithm>
#include <charconv>

namespace fulmar::load {
namespace {

constexpr std::string_view kEndOfData = "\r\n.\r\n";

bool starts(std::string_view line, std::string_view verb) {
  if (line.size() < verb.size()) return false;
  for (std::size_t at = 0; at < verb.size(); ++at) {
    const char letter = line[at];
    if ((letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter) != verb[at]) return false;
  }
  return true;
}

std::size_t number_in(std::string_view rcpt) {
  const std::size_t at = rcpt.find("<m");
  std::size_t number = 0;
  if (at != std::string_view::npos) {
    std::from_chars(rcpt.data() + at + 2, rcpt.data() + rcpt.size(), number);
  }
  return number;
}

}  // namespace

void Tally::take(std::size_t number, bool tls, std::size_t size) {
  if (number >= seen.size()) seen.resize(number + 1 + number / 2);
  if (seen[number]) {
    ++duplicates;
    return;
  }
  seen[number] = true;
  ++messages;
  under_tls += tls ? 1 : 0;
  octets += size;
}

SinkSession::Next SinkSession::take(std::string_view arrived, std::string& replies) {
  pending_ += arrived;
  std::size_t done = 0;
  for (;;) {
    if (in_data_ || in_chunk_) {
      pending_.erase(0, done);
      done = 0;
      if (!(in_data_ ? take_data(replies) : take_chunk(replies))) return Next::read;
      continue;
    }
    const std::size_t end = pending_.find("\r\n", done);
    if (end == std::string::npos) break;
    const Next next = take_line(std::string_view(pending_).substr(done, end - done), replies);
    done = end + 2;
    if (next == Next::read) continue;
    pending_.clear();
    return next;
  }
  pending_.erase(0, done);
  return Next::read;
}

SinkSession::Next SinkSession::take_line(std::string_view line, std::string& replies) {
  if (starts(line, "MAIL")) {
    size_ = 0;
    replies += "250 2.1.0 sender\r\n";
  } else if (starts(line, "RCPT")) {
    number_ = number_in(line);
    replies += "250 2.1.5 recipient\r\n";
  } else if (starts(line, "DATA")) {
    in_data_ = true;
    replies += "354 go on\r\n";
  } else if (starts(line, "EHLO")) {
    replies += "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n";
    if (offers_.starttls && !tls_) replies += "250-STARTTLS\r\n";
    if (offers_.chunking) replies += "250-CHUNKING\r\n";
    replies += "250 SIZE 100000000\r\n";
  } else if (starts(line, "BDAT ") && offers_.chunking) {
    return take_bdat(line, replies);
  } else if (starts(line, "STARTTLS") && offers_.starttls && !tls_) {
    replies += "220 2.0.0 ready\r\n";
    return Next::start_tls;
  } else if (starts(line, "QUIT")) {
    replies += "221 2.0.0 bye\r\n";
    return Next::close;
  } else if (starts(line, "RSET") || starts(line, "NOOP") || starts(line, "HELO")) {
    replies += "250 2.0.0 well\r\n";
  } else {
    replies += "502 5.5.1 not here\r\n";
  }
  return Next::read;
}

// Whether the message ended. What is kept of an unfinished one may be the start of its end.
bool SinkSession::take_data(std::string& replies) {
  const std::size_t end = pending_.find(kEndOfData);
  if (end == std::string::npos) {
    const std::size_t kept = kEndOfData.size() - 1;
    if (pending_.size() > kept) {
      size_ += pending_.size() - kept;
      pending_.erase(0, pending_.size() - kept);
    }
    return false;
  }
  tally_.take(number_, tls_, size_ + end + 2);
  pending_.erase(0, end + kEndOfData.size());
  in_data_ = false;
  replies += "250 2.0.0 taken\r\n";
  return true;
}

// What comes behind a count that is none could only be guessed.
SinkSession::Next SinkSession::take_bdat(std::string_view line, std::string& replies) {
  const std::string_view rest = line.substr(5);
  const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), chunk_left_);
  const std::string_view behind = rest.substr(static_cast<std::size_t>(end - rest.data()));
  if (failed != std::errc{} || !(behind.empty() || behind == " LAST")) {
    replies += "421 5.5.4 that is no BDAT\r\n";
    return Next::close;
  }
  last_chunk_ = !behind.empty();
  in_chunk_ = true;
  return Next::read;
}

// Whether the chunk ended.
bool SinkSession::take_chunk(std::string& replies) {
  const std::size_t count = std::min(chunk_left_, pending_.size());
  pending_.erase(0, count);
  size_ += count;
  chunk_left_ -= count;
  if (chunk_left_ > 0) return false;
  in_chunk_ = false;
  if (last_chunk_) tally_.take(number_, tls_, size_);
  replies += "250 2.0.0 taken\r\n";
  return true;
}

void SinkSession::tls_started() {
  tls_ = true;
}

}  // namespace fulmar::load
