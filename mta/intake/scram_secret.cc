#include "mta/intake/scram_secret.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/file_descriptor.h"
#include "mta/intake/secret_octets.h"

namespace fulmar::intake {
namespace {

std::unexpected<Error> io_error(const std::string& path, const char* what) {
  return fail(Errc::io, path + ": " + what + ": " + std::strerror(errno));
}

Result<ScramSecret> read_secret(int fd, const std::string& path) {
  ScramSecret secret{};
  std::array<std::uint8_t, sizeof(secret) + 1> read{};
  const ssize_t size = ::read(fd, read.data(), read.size());
  if (size < 0) return io_error(path, "cannot be read");
  if (static_cast<std::size_t>(size) != secret.size()) {
    return fail(Errc::io, path + ": has not 32 octets; it is made anew when it is removed");
  }
  std::memcpy(secret.data(), read.data(), secret.size());
  return secret;
}

/// Whole or not at all, whenever the machine dies.
Result<> write_secret(const ScramSecret& secret, const std::string& path) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());  // one that a crash left, whoever may read it
  const FileDescriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return io_error(draft, "cannot be made");
  const ssize_t size = ::write(file.get(), secret.data(), secret.size());
  if (size >= 0 && static_cast<std::size_t>(size) < secret.size()) errno = ENOSPC;
  if (size != static_cast<ssize_t>(secret.size()) || ::fsync(file.get()) != 0) {
    return io_error(draft, "cannot be written");
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) return io_error(path, "cannot be made");
  return {};
}

}  // namespace

Result<ScramSecret> make_scram_secret() {
  ScramSecret secret{};
  FULMAR_TRY_VOID(fill_with_secret_octets(secret));
  return secret;
}

Result<ScramSecret> load_scram_secret(const std::string& directory) {
  const std::string path = directory + "/scram-secret";
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() >= 0) return read_secret(file.get(), path);
  if (errno != ENOENT) return io_error(path, "cannot be read");
  FULMAR_TRY(const ScramSecret secret, make_scram_secret());
  FULMAR_TRY_VOID(write_secret(secret, path));
  return secret;
}

}  // namespace fulmar::intake
