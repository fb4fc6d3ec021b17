// Counters of the whole program, for `fulmar status`. No label ever carries a domain or an address.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/stalls.h"

namespace fulmar {

/// Goes up only. Thread-safe.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Thread-safe.
class Gauge {
 public:
  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

struct Metrics {
  Counter sessions_accepted;  ///< Client connections taken.
  Counter sessions_refused;   ///< Client connections turned away at a limit.
  Counter messages_accepted;  ///< 250 after the final dot.
  Counter messages_rejected;  ///< Refused after DATA.
  Counter recipients_delivered;
  // Of these, by what protected the session when it ended.
  Counter delivered_in_clear;
  Counter delivered_encrypted;
  Counter delivered_secure;
  Counter delivered_sts;
  Counter delivered_dane_host_only;
  Counter delivered_dane;
  Counter recipients_deferred;  ///< One per attempt.
  Counter recipients_bounced;
  Counter notices_sent;
  Counter notices_dropped;    ///< That could not be delivered, and have nobody to be returned to.
  Counter security_failures;  ///< Recipients not served because owed protection could not be had.
  Counter policy_fetches;     ///< HTTPS requests for MTA-STS policies.
  Counter policy_fetch_failures;
  Counter protection_lost;            ///< A destination stopped publishing what protected its mail.
  Counter dnssec_self_test_failures;  ///< Runs of the DNSSEC self-test that showed it broken.
  Counter store_errors;
  Stalls store_stalls;       ///< Writes of the storage engine that took more than a second.
  Gauge store_level0_files;  ///< Tables nobody has merged yet, of the column that has most. Many of
                             ///< them make the engine slow writers down.
  Gauge sessions_open;
};

}  // namespace fulmar
