#include "base/clock.h"

#include <fmt/format.h>

#include <array>

namespace fulmar {
namespace {

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

CivilTime to_civil(UtcTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day{day}, std::chrono::weekday{day},
          std::chrono::hh_mm_ss{time - day}};
}

constexpr std::array kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

UtcTime SystemClock::utc_now() const {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const {
  return std::chrono::steady_clock::now();
}

std::string to_iso8601(UtcTime time) {
  const CivilTime civil = to_civil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int{civil.date.year()},
                     unsigned{civil.date.month()}, unsigned{civil.date.day()},
                     civil.time.hours().count(), civil.time.minutes().count(),
                     civil.time.seconds().count(), civil.time.subseconds().count());
}

std::string to_rfc5322(UtcTime time) {
  const CivilTime civil = to_civil(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
                     kWeekdays.at(civil.weekday.c_encoding()), unsigned{civil.date.day()},
                     kMonths.at(unsigned{civil.date.month()} - 1), int{civil.date.year()},
                     civil.time.hours().count(), civil.time.minutes().count(),
                     civil.time.seconds().count());
}

}  // namespace fulmar
