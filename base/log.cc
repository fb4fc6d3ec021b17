#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/ascii.h"
#include "base/json_text.h"

namespace fulmar {
namespace {

constexpr std::size_t kMaxValue = 1024;  // keeps a line bounded whatever a peer says (pitfall 124)

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// Writes out what is buffered, some time after the first line of it: a system call for each line
/// would cost more than making the line.
class Flusher {
 public:
  explicit Flusher(spdlog::logger& logger)
      : logger_(logger), thread_([this](const std::stop_token& stop) { run(stop); }) {}

  void note_line() {
    if (pending_.exchange(true)) return;
    { const std::lock_guard lock(mutex_); }  // the thread is either before its look or waiting
    wake_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return pending_.load(); })) {
      wake_.wait_for(lock, stop, kLogDelay, [] { return false; });
      pending_ = false;
      lock.unlock();
      logger_.flush();
      lock.lock();
    }
  }

  spdlog::logger& logger_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<bool> pending_{false};
  std::jthread thread_;  // last: it uses the others
};

class SpdlogSink final : public LogSink {
 public:
  enum class Buffered : std::uint8_t { no, yes };
  SpdlogSink(std::shared_ptr<spdlog::logger> logger, LogSettings::Format format, Buffered buffered)
      : logger_(std::move(logger)), format_(format) {
    if (buffered == Buffered::yes) flusher_.emplace(*logger_);
  }

  void write(LogLevel level, std::string_view message,
             const std::vector<LogField>& fields) override {
    const auto target = to_spdlog(level);
    if (!logger_->should_log(target)) return;
    logger_->log(target, "{}",
                 format_ == LogSettings::Format::json ? format_json_members(message, fields)
                                                      : format_text_line(message, fields));
    if (flusher_) flusher_->note_line();
  }
  void flush() override { logger_->flush(); }

 private:
  std::shared_ptr<spdlog::logger> logger_;
  LogSettings::Format format_;
  std::optional<Flusher> flusher_;
};

std::shared_ptr<LogSink> make_spdlog_sink(spdlog::sink_ptr output, const LogSettings& settings,
                                          SpdlogSink::Buffered buffered) {
  auto logger = std::make_shared<spdlog::logger>("fulmar", std::move(output));
  logger->set_level(to_spdlog(settings.level));
  logger->flush_on(buffered == SpdlogSink::Buffered::yes ? spdlog::level::warn
                                                         : spdlog::level::debug);
  const bool json = settings.format == LogSettings::Format::json;
  logger->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
  return std::make_shared<SpdlogSink>(std::move(logger), settings.format, buffered);
}

std::mutex& sink_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::shared_ptr<LogSink>& current_sink() {
  static std::shared_ptr<LogSink> sink = make_spdlog_sink(
      std::make_shared<spdlog::sinks::stderr_sink_mt>(), LogSettings{}, SpdlogSink::Buffered::no);
  return sink;
}

bool is_plain_value(std::string_view value) {
  return !value.empty() && value.find_first_of(" =\"") == std::string_view::npos;
}

}  // namespace

Result<std::shared_ptr<LogSink>> make_log_sink(const LogSettings& settings) {
  if (settings.file.empty()) {
    return make_spdlog_sink(std::make_shared<spdlog::sinks::stderr_sink_mt>(), settings,
                            SpdlogSink::Buffered::no);
  }
  try {
    return make_spdlog_sink(std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file),
                            settings, SpdlogSink::Buffered::yes);
  } catch (const spdlog::spdlog_ex& error) {
    return fail(Errc::io, error.what());
  }
}

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) {
  const std::lock_guard lock(sink_mutex());
  return std::exchange(current_sink(), std::move(sink));
}

void flush_log() {
  const std::lock_guard lock(sink_mutex());
  current_sink()->flush();
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  log(level, message, std::vector<LogField>(fields));
}

void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields) {
  std::shared_ptr<LogSink> sink;
  {
    const std::lock_guard lock(sink_mutex());
    sink = current_sink();
  }
  sink->write(level, message, fields);
}

std::string format_text_line(std::string_view message, const std::vector<LogField>& fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    const std::string value = sanitize_line(field.value, kMaxValue);
    line += fmt::format(" {}=", field.key);
    line += is_plain_value(value) ? value : json_quote(value);
  }
  return line;
}

std::string format_json_members(std::string_view message, const std::vector<LogField>& fields) {
  std::string members = "\"msg\":" + json_quote(message);
  for (const LogField& field : fields) {
    members +=
        ',' + json_quote(field.key) + ':' + json_quote(sanitize_line(field.value, kMaxValue));
  }
  return members;
}

}  // namespace fulmar
