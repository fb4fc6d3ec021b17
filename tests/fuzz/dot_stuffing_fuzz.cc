// Whatever the body holds: no bare CR or LF on the wire, the end of data at the end only, and the
// reader gives back what was meant.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "mta/smtp/dot_stuffing.h"

namespace {

using fulmar::smtp::DataReader;
using fulmar::smtp::DotStuffer;

std::string stuff(std::string_view body, std::size_t chunk) {
  DotStuffer stuffer;
  std::string wire;
  for (std::size_t i = 0; i < body.size(); i += chunk) {
    stuffer.transform(body.substr(i, chunk), wire);
  }
  stuffer.finish(wire);
  return wire;
}

/// The slow, obvious way: every CRLF, CR and LF is a line end, and the last line has one.
std::string with_line_ends(std::string_view body) {
  std::string result;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\n' && i > 0 && body[i - 1] == '\r') continue;
    if (body[i] == '\r' || body[i] == '\n') {
      result += "\r\n";
    } else {
      result += body[i];
    }
  }
  if (!result.empty() && !result.ends_with('\n')) result += "\r\n";
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const std::string wire = stuff(body, size + 1);
  FULMAR_CHECK(stuff(body, 1) == wire);
  FULMAR_CHECK(stuff(body, size % 5 + 2) == wire);

  FULMAR_CHECK(("\r\n" + wire).find("\r\n.\r\n") == wire.size() - 3);
  DataReader reader(DataReader::OnBareNewline::reject);
  std::string back;
  const auto progress = reader.read(wire, back);
  FULMAR_CHECK(progress.complete && progress.consumed == wire.size());
  FULMAR_CHECK(!reader.saw_bare_newline());
  FULMAR_CHECK(back == with_line_ends(body));
  return 0;
}
