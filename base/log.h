// The debug log: what the program does and why, for operators. One line a fact, `message key=value
// …` or one JSON object a line. A failure is logged once, by whoever handles it. Never bodies,
// never secrets. The mail log, a stable interface of its own, is base/maillog.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace fulmar {

enum class LogLevel : std::uint8_t {
  debug,
  info,
  warn,   ///< The operator may want to act.
  error,  ///< Something of ours broke.
};

/// `key` is a literal in snake_case. `value` may hold anything: it is sanitised, capped and quoted
/// when written.
struct LogField {
  std::string_view key;
  std::string value;
};

/// Where lines go. Thread-safe.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view message,
                     const std::vector<LogField>& fields) = 0;
  /// Before the program ends without leaving main().
  virtual void flush() {}
};

/// How long a line below warn may stay in memory before it is in the file.
inline constexpr std::chrono::milliseconds kLogDelay{50};

struct LogSettings {
  LogLevel level = LogLevel::info;
  enum class Format : std::uint8_t { text, json } format = Format::text;
  std::string file;  ///< Empty: standard error.
};

/// A sink that writes through spdlog. Lines below warn get into a file kLogDelay late at most: a
/// program that is killed or aborts loses those, of the mail log too, but no mail. Errc::io when
/// the file cannot be opened.
Result<std::shared_ptr<LogSink>> make_log_sink(const LogSettings& settings);

/// The process-wide sink; standard error in text form until set. The one global of the program: a
/// log line must be possible from anywhere, and never changes what the program does. Returns the
/// sink that was set before.
std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink);

/// The sink's flush().
void flush_log();

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields);

inline void log_debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, message, fields);
}
inline void log_warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warn, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, message, fields);
}

/// One line in the text form, without time and level: `message key=value key="two words"`.
[[nodiscard]] std::string format_text_line(std::string_view message,
                                           const std::vector<LogField>& fields);
/// The members of one JSON object, without its braces, time and level: `"msg":"…","key":"…"`.
[[nodiscard]] std::string format_json_members(std::string_view message,
                                              const std::vector<LogField>& fields);

}  // namespace fulmar
