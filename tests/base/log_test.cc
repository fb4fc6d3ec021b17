// When lines get into a file.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace fulmar {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogFile : public ::testing::Test {
 protected:
  ~LogFile() override { std::filesystem::remove(path_); }

  [[nodiscard]] std::string content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("fulmar-log-" + std::to_string(getpid()));
  std::shared_ptr<LogSink> sink_ = make_log_sink({.file = path_}).value();
};

TEST_F(LogFile, a_line_gets_there_by_itself) {
  sink_->write(LogLevel::info, "ready", {});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (content().empty() && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
  EXPECT_THAT(content(), EndsWith(" info ready\n"));
}

TEST_F(LogFile, a_warning_is_there_at_once_and_all_that_came_before) {
  sink_->write(LogLevel::info, "first", {});
  sink_->write(LogLevel::warn, "second", {});
  EXPECT_THAT(content(), HasSubstr("first"));
  EXPECT_THAT(content(), HasSubstr("second"));
}

TEST_F(LogFile, nothing_is_lost_at_the_end) {
  sink_->write(LogLevel::info, "last", {});
  sink_.reset();
  EXPECT_THAT(content(), HasSubstr("last"));
}

TEST_F(LogFile, flush_is_for_an_end_without_one) {
  sink_->write(LogLevel::info, "last", {});
  sink_->flush();
  EXPECT_THAT(content(), HasSubstr("last"));
}

TEST_F(LogFile, what_is_below_the_level_is_not_written) {
  sink_->write(LogLevel::debug, "detail", {});
  sink_.reset();
  EXPECT_THAT(content(), IsEmpty());
}

TEST(Log, a_file_that_cannot_be_opened_is_an_error) {
  EXPECT_EQ(make_log_sink({.file = "/dev/null/fulmar.log"}).error().code, Errc::io);
}

}  // namespace
}  // namespace fulmar
