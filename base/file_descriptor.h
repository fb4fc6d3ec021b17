// A file descriptor that is closed in the end.
#pragma once

#include <unistd.h>

#include <utility>

namespace fulmar {

class FileDescriptor {
 public:
  /// Takes what open(2) returned; negative: none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace fulmar
