// Data of a hostile client: it ends at the first CRLF.CRLF and nowhere else, or where it was
// counted to, however it is cut into segments, and what is kept under `normalize` has no bare CR or
// LF.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "mta/smtp/dot_stuffing.h"

namespace {

using fulmar::smtp::DataReader;

struct Read {
  std::string body;
  DataReader::Progress progress;
  bool bare = false;
  bool eight_bit = false;
  bool nul = false;
  std::size_t longest = 0;
};

Read read(std::string_view input, DataReader::OnBareNewline policy, std::size_t segment,
          DataReader::Framing framing = DataReader::Framing::dot) {
  DataReader reader(policy, framing);
  Read result;
  for (std::size_t i = 0; i < input.size() && !result.progress.complete; i += segment) {
    const auto part = reader.read(input.substr(i, segment), result.body);
    result.progress.consumed += part.consumed;
    result.progress.complete = part.complete;
  }
  if (framing == DataReader::Framing::counted) reader.finish(result.body);
  result.bare = reader.saw_bare_newline();
  result.eight_bit = reader.saw_eight_bit();
  result.nul = reader.saw_nul();
  result.longest = reader.longest_line();
  return result;
}

void check_same(const Read& a, const Read& b) {
  FULMAR_CHECK(a.body == b.body);
  FULMAR_CHECK(a.progress.consumed == b.progress.consumed);
  FULMAR_CHECK(a.progress.complete == b.progress.complete);
  FULMAR_CHECK(a.bare == b.bare && a.eight_bit == b.eight_bit && a.nul == b.nul);
  FULMAR_CHECK(a.longest == b.longest);
}

bool has_bare_newline(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return true;
  }
  return false;
}

void check_counted(std::string_view input, DataReader::OnBareNewline policy) {
  constexpr auto kCounted = DataReader::Framing::counted;
  const Read whole = read(input, policy, input.size() + 1, kCounted);
  check_same(whole, read(input, policy, 1, kCounted));
  check_same(whole, read(input, policy, input.size() % 5 + 2, kCounted));
  FULMAR_CHECK(!whole.progress.complete && whole.progress.consumed == input.size());
  FULMAR_CHECK(whole.bare == has_bare_newline(input));
  if (!whole.bare) {
    const bool ended = input.empty() || input.ends_with("\r\n");
    FULMAR_CHECK(whole.body == std::string(input) + (ended ? "" : "\r\n"));
  }
  if (policy == DataReader::OnBareNewline::normalize) {
    FULMAR_CHECK(!has_bare_newline(whole.body));
    FULMAR_CHECK(whole.body.empty() || whole.body.ends_with("\r\n"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const auto policy :
       {DataReader::OnBareNewline::reject, DataReader::OnBareNewline::normalize}) {
    const Read whole = read(input, policy, size + 1);
    check_same(whole, read(input, policy, 1));
    check_same(whole, read(input, policy, size % 5 + 2));
    check_counted(input, policy);

    // The command line before ended with CRLF, so a dot may stand at once.
    const std::size_t end = ("\r\n" + std::string(input)).find("\r\n.\r\n");
    FULMAR_CHECK(whole.progress.complete == (end != std::string::npos));
    FULMAR_CHECK(whole.progress.consumed == (whole.progress.complete ? end + 3 : size));
    if (!whole.progress.complete) continue;
    FULMAR_CHECK(whole.bare == has_bare_newline(input.substr(0, whole.progress.consumed)));
    if (policy == DataReader::OnBareNewline::normalize) FULMAR_CHECK(!has_bare_newline(whole.body));
  }
  return 0;
}
