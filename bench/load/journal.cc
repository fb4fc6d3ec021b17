#include "bench/load/journal.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

namespace fulmar::load {
namespace {

using Seconds = std::chrono::duration<double>;
using Microseconds = std::chrono::duration<double, std::micro>;

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double rate(std::size_t count, Moment from, Moment to) {
  return static_cast<double>(count) / std::max(Seconds(to - from).count(), 1e-9);
}

double percentile(const std::vector<std::chrono::nanoseconds>& sorted, double share) {
  const auto place = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return Microseconds(sorted[place]).count();
}

}  // namespace

Journal::Journal(std::size_t messages, std::chrono::seconds every) : every_(every) {
  replied_.reserve(messages);
  took_.reserve(messages);
  took_message_.reserve(messages);
}

void Journal::accepted(Acceptance moments) {
  const auto& [offered, handed_over, replied] = moments;
  first_ = std::min(first_, offered);
  replied_.push_back(replied);
  took_.push_back(replied - offered);
  took_message_.push_back(replied - handed_over);
  if (every_.count() == 0) return;
  recent_.push_back(replied - offered);
  if (told_ == Moment::min()) told_ = offered;
  if (replied - told_ >= every_) tell_progress(replied);
}

void Journal::tell_progress(Moment now) {
  std::ranges::sort(recent_);
  fmt::print(R"({{"at": {:.3f}, "accepted": {}, "p50_us": {:.0f}, "p99_us": {:.0f}}})"
             "\n",
             Seconds(now.time_since_epoch()).count(), recent_.size(), percentile(recent_, 0.5),
             percentile(recent_, 0.99));
  std::fflush(stdout);
  recent_.clear();
  told_ = now;
}

std::string Journal::to_json() {
  std::ranges::sort(replied_);
  std::ranges::sort(took_);
  std::ranges::sort(took_message_);
  const std::size_t tenth = std::max<std::size_t>(count() / 10, 1);
  const Moment last = replied_.back();
  const Moment before_last_tenth = count() > tenth ? replied_[count() - tenth - 1] : first_;
  return fmt::format(R"({{"accepted": {}, "first": {:.6f}, "last": {:.6f}, "per_second": {:.1f}, )"
                     R"("first_tenth_per_second": {:.1f}, "last_tenth_per_second": {:.1f}, )"
                     R"("p50_us": {:.0f}, "p99_us": {:.0f}, "max_us": {:.0f}, )"
                     R"("message_p50_us": {:.0f}, "cpu_seconds": {:.3f}}})",
                     count(), Seconds(first_.time_since_epoch()).count(),
                     Seconds(last.time_since_epoch()).count(), rate(count(), first_, last),
                     rate(tenth, first_, replied_[tenth - 1]), rate(tenth, before_last_tenth, last),
                     percentile(took_, 0.5), percentile(took_, 0.99), percentile(took_, 1),
                     percentile(took_message_, 0.5), own_cpu_seconds());
}

}  // namespace fulmar::load
