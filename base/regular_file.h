// Files that an operator names: whatever stands at that path, it can neither keep the program
// waiting nor fill its memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_descriptor.h"
#include "base/result.h"

namespace fulmar {

/// Open for reading. No error's words name the path: the caller knows it, and how it is shown.
class RegularFile {
 public:
  /// Errc::io when it cannot be opened, or is no regular file; links are followed. Never waits for
  /// the other end of a pipe.
  [[nodiscard]] static Result<RegularFile> open(const std::string& path);

  /// Its permissions as chmod(2) has them, when it was opened.
  [[nodiscard]] ::mode_t mode() const { return mode_; }

  /// All of it, once. Errc::limit, in the words `too_big`, when it holds more than `most` octets;
  /// Errc::io when it cannot be read.
  [[nodiscard]] Result<std::string> read(std::size_t most, std::string_view too_big) const;

 private:
  RegularFile(FileDescriptor file, ::mode_t mode) : file_(std::move(file)), mode_(mode) {}

  FileDescriptor file_;
  ::mode_t mode_;
};

}  // namespace fulmar
