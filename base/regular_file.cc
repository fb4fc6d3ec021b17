#include "base/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace fulmar {
namespace {

constexpr ::mode_t kPermissions = 07777;

std::unexpected<Error> unreadable() {
  return fail(Errc::io, std::string("cannot be read: ") + std::strerror(errno));
}

}  // namespace

Result<RegularFile> RegularFile::open(const std::string& path) {
  // Without O_NONBLOCK a pipe would keep the program waiting before it is known to be one.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct ::stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return unreadable();
  if (!S_ISREG(facts.st_mode)) return fail(Errc::io, "is not a regular file");
  return RegularFile(std::move(file), facts.st_mode & kPermissions);
}

Result<std::string> RegularFile::read(std::size_t most, std::string_view too_big) const {
  std::string content;
  std::array<char, 16'384> block{};
  for (;;) {
    const ssize_t got = ::read(file_.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > most) return fail(Errc::limit, std::string(too_big));
  }
}

}  // namespace fulmar
