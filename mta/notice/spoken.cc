#include "mta/notice/spoken.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/ascii.h"
#include "base/check.h"
#include "mta/notice/mime.h"
#include "mta/notice/months.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxNamed = 3;  // recipients in a sentence

std::chrono::sys_days day_of(UtcTime time) {
  return std::chrono::floor<std::chrono::days>(time);
}

std::string time_of_day(UtcTime time) {
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::minutes>(time - day_of(time)));
  return fmt::format("{:02}:{:02} UTC", clock.hours().count(), clock.minutes().count());
}

/// "a, b, c" or "a, b and c". REQUIRES: not empty.
enum class Last : std::uint8_t { by_comma, by_and };
std::string join(const std::vector<std::string>& items, Last last, const LanguageTexts& texts) {
  FULMAR_CHECK(!items.empty());
  std::string list = items.front();
  for (std::size_t i = 1; i < items.size(); ++i) {
    const bool ends = last == Last::by_and && i + 1 == items.size();
    list = texts.say("list", ends ? "and" : "comma", {{"list", list}, {"item", items[i]}});
  }
  return list;
}

}  // namespace

std::string spoken_time(UtcTime time, const LanguageTexts& texts) {
  const std::chrono::year_month_day date(day_of(time));
  const std::string_view month = kMonths.at(static_cast<unsigned>(date.month()) - 1);
  return texts.say("date", "form",
                   {{"day", std::to_string(static_cast<unsigned>(date.day()))},
                    {"month", texts.text("date", month)},
                    {"year", std::to_string(static_cast<int>(date.year()))},
                    {"time", time_of_day(time)}});
}

std::string spoken_attempts(const std::vector<UtcTime>& attempts, const LanguageTexts& texts) {
  FULMAR_CHECK(!attempts.empty());
  std::vector<std::string> items = {spoken_time(attempts.front(), texts)};
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    const bool same_day = day_of(attempts[i]) == day_of(attempts[i - 1]);
    const std::string time = same_day ? time_of_day(attempts[i]) : spoken_time(attempts[i], texts);
    items.push_back(texts.say("next", "about", {{"time", time}}));
  }
  return join(items, Last::by_and, texts);
}

std::string spoken_subject(std::string_view subject, std::size_t max_octets) {
  std::string line = visible_line(subject, max_octets);
  return line.find("=?") == std::string::npos ? line : "";
}

std::string spoken_recipients(const std::vector<const NoticeRecipient*>& recipients,
                              const LanguageTexts& texts) {
  const std::size_t named = std::min(recipients.size(), kMaxNamed);
  std::vector<std::string> items;
  for (std::size_t i = 0; i < named; ++i)
    items.push_back(visible_line(recipients[i]->address.text, kMaxAddress));
  if (named == recipients.size()) return join(items, Last::by_and, texts);
  return texts.say("list", "more",
                   {{"list", join(items, Last::by_comma, texts)},
                    {"count", std::to_string(recipients.size() - named)}});
}

}  // namespace fulmar::notice
