#include "base/random.h"

#include <limits>
#include <mutex>
#include <random>

#include "base/check.h"

namespace fulmar {
namespace {

class MersenneRandom final : public Random {
 public:
  explicit MersenneRandom(std::seed_seq& seed) : engine_(seed) {}

  std::uint64_t next() override {
    const std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace

std::uint64_t Random::below(std::uint64_t bound) {
  FULMAR_CHECK(bound > 0);
  // Values past the largest multiple of `bound` are drawn again, so that no remainder is favoured.
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t limit = kMax - kMax % bound;
  std::uint64_t value = next();
  while (value >= limit)
    value = next();
  return value % bound;
}

std::chrono::milliseconds Random::jitter(std::chrono::milliseconds base, unsigned percent) {
  const std::int64_t spread = base.count() / 100 * percent;
  if (spread <= 0) return base;
  const auto offset = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(2 * spread + 1)));
  return base + std::chrono::milliseconds(offset - spread);
}

std::unique_ptr<Random> make_system_random() {
  std::random_device device;
  std::seed_seq seed{device(), device(), device(), device(),
                     device(), device(), device(), device()};
  return std::make_unique<MersenneRandom>(seed);
}

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  return std::make_unique<MersenneRandom>(sequence);
}

}  // namespace fulmar
