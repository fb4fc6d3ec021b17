// Randomness comes in by reference: jitter, shuffles and identifiers. Not for keys.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace fulmar {

class Random {
 public:
  virtual ~Random() = default;

  /// Uniform over all 64-bit values.
  [[nodiscard]] virtual std::uint64_t next() = 0;

  /// Uniform in [0, bound). REQUIRES: bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);

  /// `base` ± `percent` %, uniform. Never negative for a non-negative base.
  [[nodiscard]] std::chrono::milliseconds jitter(std::chrono::milliseconds base, unsigned percent);

  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[below(i)]);
  }
};

/// Seeded from the operating system. Thread-safe.
[[nodiscard]] std::unique_ptr<Random> make_system_random();

/// The same sequence for the same seed, for tests and fuzzers. Thread-safe.
[[nodiscard]] std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);

}  // namespace fulmar
