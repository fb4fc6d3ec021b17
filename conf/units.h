// Durations and sizes as people write them. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fulmar::conf {

/// "30s", "5m", "4h", "5d": one whole number and one unit, nothing between or around. Nothing finer
/// than a second exists, and nothing that would not fit the type.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The customary way to write it: "60s", "5m", "1h", "24h", "5d". REQUIRES: whole seconds, not
/// negative.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

/// "50MB", "64KB", "1GB" are powers of ten; "64KiB", "1MiB" powers of two; "512B" octets.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// In the unit that gives the smallest whole number, powers of ten first: "50MB", "64KiB", "0B".
[[nodiscard]] std::string format_size(std::uint64_t octets);

/// So many in so long.
struct Rate {
  std::uint32_t count = 0;  ///< 1 .. 1000000
  std::chrono::seconds per{0};
  friend bool operator==(const Rate&, const Rate&) = default;
};

/// "100/s", "30/m", "1000/h", "5000/d".
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text);
[[nodiscard]] std::string format_rate(const Rate& rate);

}  // namespace fulmar::conf
