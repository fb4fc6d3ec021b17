// What is logged while this lives, line by line.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace fulmar::intake {

class LogLines {
 public:
  LogLines() : sink_(std::make_shared<Sink>()), before_(set_log_sink(sink_)) {}
  ~LogLines() { set_log_sink(before_); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  [[nodiscard]] std::size_t count(std::string_view part) const {
    const std::lock_guard lock(sink_->mutex);
    return static_cast<std::size_t>(std::ranges::count_if(
        sink_->lines,
        [&](const std::string& line) { return line.find(part) != std::string::npos; }));
  }

 private:
  struct Sink final : LogSink {
    void write(LogLevel, std::string_view message, const std::vector<LogField>& fields) override {
      const std::lock_guard lock(mutex);
      lines.push_back(format_text_line(message, fields));
    }
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<LogSink> before_;
};

}  // namespace fulmar::intake
