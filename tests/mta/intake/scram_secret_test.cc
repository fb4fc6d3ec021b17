// What outlives the program, so that a restart tells nothing. redteam_42
#include "mta/intake/scram_secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace fulmar::intake {
namespace {

class ScramSecretTest : public ::testing::Test {
 protected:
  ScramSecretTest() { std::filesystem::create_directories(folder_); }
  ~ScramSecretTest() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("scram-secret-" + std::to_string(::getpid()));
  const std::filesystem::path file_ = folder_ / "scram-secret";
};

TEST_F(ScramSecretTest, redteam_42_is_made_once_for_its_owner_alone) {
  const auto first = load_scram_secret(folder_.string());
  ASSERT_TRUE(first.has_value());
  EXPECT_NE(*first, ScramSecret{});
  EXPECT_EQ(load_scram_secret(folder_.string()), *first);
  struct ::stat facts {};
  ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "scram-secret.new"));
}

TEST_F(ScramSecretTest, what_is_no_secret_is_an_error) {
  for (const std::string& content : {std::string(), std::string(31, 'x'), std::string(33, 'x')}) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << content;
    EXPECT_EQ(load_scram_secret(folder_.string()).error().code, Errc::io) << content.size();
  }
  EXPECT_EQ(load_scram_secret("/nowhere").error().code, Errc::io);
  std::filesystem::remove(file_);
  std::filesystem::create_symlink("/etc/hostname", file_);
  EXPECT_EQ(load_scram_secret(folder_.string()).error().code, Errc::io);
}

TEST(ScramSecret, no_two_are_alike) {
  EXPECT_NE(make_scram_secret().value(), make_scram_secret().value());
}

}  // namespace
}  // namespace fulmar::intake
