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

}  // namespace fulmar::conf
