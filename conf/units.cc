#include "conf/units.h"

#include <array>
#include <charconv>
#include <limits>

#include "base/ascii.h"
#include "base/check.h"

namespace fulmar::conf {
namespace {

struct TimeUnit {
  char letter;
  std::int64_t seconds;
  std::int64_t
      least;  // The count from which people switch to this unit: "24h" and "60s", but "1h".
};
constexpr std::array kTimeUnits = {TimeUnit{'d', 86'400, 2}, TimeUnit{'h', 3600, 1},
                                   TimeUnit{'m', 60, 2}, TimeUnit{'s', 1, 0}};

struct SizeUnit {
  std::string_view name;
  std::uint64_t octets;
};
constexpr std::array kSizeUnits = {SizeUnit{"TB", 1'000'000'000'000},
                                   SizeUnit{"GB", 1'000'000'000},
                                   SizeUnit{"MB", 1'000'000},
                                   SizeUnit{"KB", 1000},
                                   SizeUnit{"TiB", 1ULL << 40},
                                   SizeUnit{"GiB", 1ULL << 30},
                                   SizeUnit{"MiB", 1ULL << 20},
                                   SizeUnit{"KiB", 1ULL << 10},
                                   SizeUnit{"B", 1}};

struct Measure {
  std::uint64_t count = 0;
  std::string_view unit;
};

constexpr std::uint64_t kMostInOneUnit = 1'000'000;

/// Digits, then the rest.
std::optional<Measure> split(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  Measure measure;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), measure.count);
  if (ec != std::errc{}) return std::nullopt;
  measure.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return measure;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto measure = split(text);
  if (!measure || measure->unit.size() != 1) return std::nullopt;
  for (const TimeUnit& unit : kTimeUnits) {
    if (unit.letter != measure->unit.front()) continue;
    const std::int64_t scale = unit.seconds * 1000;
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / scale);
    if (measure->count > most) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(measure->count) * scale);
  }
  return std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration) {
  FULMAR_CHECK(duration.count() >= 0 && duration.count() % 1000 == 0);
  const std::int64_t seconds = duration.count() / 1000;
  for (const TimeUnit& unit : kTimeUnits) {
    if (seconds % unit.seconds == 0 && seconds / unit.seconds >= unit.least) {
      return std::to_string(seconds / unit.seconds) + unit.letter;
    }
  }
  return std::to_string(seconds) + 's';
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto measure = split(text);
  if (!measure) return std::nullopt;
  for (const SizeUnit& unit : kSizeUnits) {
    if (unit.name != measure->unit) continue;
    if (measure->count > std::numeric_limits<std::uint64_t>::max() / unit.octets) {
      return std::nullopt;
    }
    return measure->count * unit.octets;
  }
  return std::nullopt;
}

std::string format_size(std::uint64_t octets) {
  if (octets == 0) return "0B";
  SizeUnit best = kSizeUnits.back();
  for (const SizeUnit& unit : kSizeUnits) {
    if (octets % unit.octets == 0 && octets / unit.octets < octets / best.octets) best = unit;
  }
  return std::to_string(octets / best.octets) + std::string(best.name);
}

std::optional<Rate> parse_rate(std::string_view text) {
  const auto measure = split(text);
  if (!measure || measure->count < 1 || measure->count > kMostInOneUnit) return std::nullopt;
  if (measure->unit.size() != 2 || measure->unit.front() != '/') return std::nullopt;
  for (const TimeUnit& unit : kTimeUnits) {
    if (unit.letter != measure->unit.back()) continue;
    return Rate{static_cast<std::uint32_t>(measure->count), std::chrono::seconds(unit.seconds)};
  }
  return std::nullopt;
}

std::string format_rate(const Rate& rate) {
  for (const TimeUnit& unit : kTimeUnits) {
    if (rate.per.count() == unit.seconds) return std::to_string(rate.count) + '/' + unit.letter;
  }
  FULMAR_CHECK(false);
  return {};
}

}  // namespace fulmar::conf
