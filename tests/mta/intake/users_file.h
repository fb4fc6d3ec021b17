// Hashes that cost little, and a users file that goes away by itself.
#pragma once

#include <crypt.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "mta/intake/scram_keys.h"

namespace fulmar::intake {

inline constexpr const char* kCheap = "$6$rounds=1000$saltsalt";

inline std::string hash_of(const std::string& password, const std::string& setting = kCheap) {
  const auto data = std::make_unique<crypt_data>();
  const char* made = crypt_rn(password.c_str(), setting.c_str(), data.get(), sizeof(crypt_data));
  EXPECT_NE(made, nullptr) << setting;
  return made == nullptr ? "" : made;
}

/// "name:hash" and the end of the line.
inline std::string user_line(const std::string& name, const std::string& password,
                             const std::string& setting = kCheap) {
  return name + ':' + hash_of(password, setting) + '\n';
}

/// The same with SCRAM keys.
inline std::string scram_line(const std::string& name, const std::string& password,
                              std::uint32_t iterations = ScramKeys::kFewestIterations,
                              const std::string& salt = "saltsaltsaltsalt") {
  return name + ':' + to_string(derive_scram_keys(password, salt, iterations).value()) + '\n';
}

class UsersFile {
 public:
  explicit UsersFile(const std::string& text = {}) {
    std::string pattern = std::filesystem::temp_directory_path() / "fulmar-users-XXXXXX";
    const int fd = ::mkstemp(pattern.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    path_ = pattern;
    write(text);
  }
  ~UsersFile() { std::filesystem::remove(path_); }
  UsersFile(const UsersFile&) = delete;
  UsersFile& operator=(const UsersFile&) = delete;

  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  void set_mode(::mode_t mode) const { EXPECT_EQ(::chmod(path_.c_str(), mode), 0); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace fulmar::intake
