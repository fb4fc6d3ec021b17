// A bound that many share: octets of memory, for one. Whoever holds some gives them back by ending.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace fulmar {

/// Thread-safe. Must outlive its shares.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Not thread-safe itself.
  class Share {
   public:
    explicit Share(Budget& budget) : budget_(&budget) {}
    ~Share() { give_back(); }
    Share(Share&& other) noexcept : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    Share& operator=(Share&&) = delete;

    /// Makes the share at least `amount`; false, and nothing changes, when there is not as much
    /// left.
    [[nodiscard]] bool grow_to(std::size_t amount) {
      if (amount <= held_) return true;
      if (!budget_->take(amount - held_)) return false;
      held_ = amount;
      return true;
    }
    void give_back() { budget_->used_ -= std::exchange(held_, 0); }

   private:
    Budget* budget_;
    std::size_t held_ = 0;
  };

  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  bool take(std::size_t amount) {
    std::size_t used = used_;
    do {
      if (amount > limit_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + amount));
    return true;
  }

  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace fulmar
