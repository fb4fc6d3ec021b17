#include "mta/intake/memory_mark.h"

#include <gperftools/malloc_extension_c.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <utility>

// Only the program itself is linked with this allocator; tests and sanitizers use others.
#pragma weak MallocExtension_ReleaseFreeMemory

namespace fulmar::intake {

using namespace std::chrono_literals;

namespace {

constexpr auto kMeasureEvery = 100ms;
constexpr auto kGiveBackEvery = 10s;
constexpr std::uint64_t kLeast = 256UL << 20;

/// The number behind `label`, or the first one of the file; empty also for "max".
std::optional<std::uint64_t> number_in(const std::string& path, std::string_view label) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    if (!label.empty() && word != label) continue;
    std::uint64_t number = 0;
    if (!label.empty() && !(file >> number)) return std::nullopt;
    if (!label.empty()) return number;
    const bool digits = std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
    return digits && word.size() < 20 ? std::optional(std::stoull(word)) : std::nullopt;
  }
  return std::nullopt;
}

/// "/system.slice/fulmar.service"; "/" when there is none.
std::string control_group(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "/";
}

std::optional<std::uint64_t> memory_of_group(const std::string& root) {
  std::optional<std::uint64_t> least;
  for (std::string group = control_group(root);; group.resize(group.rfind('/'))) {
    for (const char* file : {"/memory.max", "/memory.high"}) {
      const auto limit = number_in(root + "/sys/fs/cgroup" + group + file, "");
      if (limit) least = std::min(least.value_or(*limit), *limit);
    }
    if (group.find('/') == std::string::npos) return least;
  }
}

}  // namespace

std::uint64_t high_water_mark(std::uint64_t machine, std::optional<std::uint64_t> group) {
  const std::uint64_t half = machine / 2;
  const std::uint64_t wanted = group ? std::min(half, *group / 4 * 3) : half;
  return std::max(wanted, kLeast);
}

std::uint64_t system_high_water_mark(const std::string& root) {
  const auto kibi = number_in(root + "/proc/meminfo", "MemTotal:");
  return high_water_mark(kibi.value_or(0) * 1024, memory_of_group(root));
}

std::uint64_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return file ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

MemorySource system_memory() {
  const auto give_back = [] {
    if (&MallocExtension_ReleaseFreeMemory != nullptr) {
      MallocExtension_ReleaseFreeMemory();
    } else {
      ::malloc_trim(0);
    }
  };
  return {.resident = resident_memory, .give_back = give_back};
}

MemoryMark::MemoryMark(std::uint64_t mark, Clock& clock, MemorySource source)
    : mark_(mark), clock_(clock), source_(std::move(source)) {}

MemoryMark::State MemoryMark::state() {
  const SteadyTime now = clock_.steady_now();
  const auto is_past = [now](const std::optional<SteadyTime>& last, auto interval) {
    return !last || now - *last >= interval;
  };
  const std::lock_guard lock(mutex_);
  if (is_past(measured_at_, kMeasureEvery)) {
    measured_at_ = now;
    resident_ = source_.resident();
    if (resident_ > mark_ && is_past(given_back_at_, kGiveBackEvery)) {
      given_back_at_ = now;
      source_.give_back();
      resident_ = source_.resident();
    }
  }
  return {.resident = resident_, .mark = mark_};
}

}  // namespace fulmar::intake
