#include "base/regular_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace fulmar {
namespace {

class RegularFileTest : public testing::Test {
 protected:
  RegularFileTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "fulmar-file-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~RegularFileTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& content) {
    std::ofstream(folder_ / "file", std::ios::binary) << content;
    return folder_ / "file";
  }
  static Result<std::string> read(const std::string& path, std::size_t most) {
    FULMAR_TRY(const RegularFile file, RegularFile::open(path));
    return file.read(most, "is too big here");
  }
  static void expect_error(const std::string& path, Errc code, const std::string& words) {
    const auto content = read(path, 10);
    ASSERT_FALSE(content) << path;
    EXPECT_EQ(content.error().code, code) << path;
    EXPECT_EQ(content.error().detail, words) << path;
  }

  std::filesystem::path folder_;
};

TEST_F(RegularFileTest, is_read_whole_up_to_its_bound) {
  for (const std::size_t size : {0U, 1U, 16'384U, 16'385U, 100'000U}) {
    const std::string content(size, 'x');
    const std::string path = write(content);
    EXPECT_EQ(read(path, size).value(), content);
    EXPECT_EQ(read(path, size + 1).value(), content);
    if (size > 0) {
      EXPECT_EQ(read(path, size - 1).error().code, Errc::limit) << size;
    }
  }
  const std::string octets("a\0\xFF\r\n", 5);
  EXPECT_EQ(read(write(octets), 5).value(), octets);
}

TEST_F(RegularFileTest, a_link_to_one_is_as_good) {
  std::filesystem::create_symlink(write("x"), folder_ / "link");
  EXPECT_EQ(read(folder_ / "link", 1).value(), "x");
}

TEST_F(RegularFileTest, what_cannot_be_read_says_why) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", folder_ / "link");
  expect_error(write("eleven octets"), Errc::limit, "is too big here");
  expect_error(folder_ / "none", Errc::io, "cannot be read: No such file or directory");
  expect_error(folder_ / "link", Errc::io, "cannot be read: No such file or directory");
  expect_error(folder_ / "pipe", Errc::io, "is not a regular file");
  expect_error(folder_, Errc::io, "is not a regular file");
  expect_error("/dev/zero", Errc::io, "is not a regular file");
}

TEST_F(RegularFileTest, has_permissions) {
  const std::string path = write("");
  for (const ::mode_t mode : {0600U, 0644U, 0440U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(RegularFile::open(path)->mode(), mode);
  }
}

}  // namespace
}  // namespace fulmar
