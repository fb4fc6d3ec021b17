#include "mta/own_state.h"

#include <fmt/format.h>

#include <utility>

namespace fulmar::mta {
namespace {

/// What is found, one after the other.
class Findings {
 public:
  explicit Findings(UtcTime now) : now_(now) {}
  void add(TroubleKind kind, std::string_view subject, std::string_view what,
           std::string_view detail) {
    Trouble& trouble = found_.emplace_back(make_trouble(kind, subject, detail, now_, what));
    trouble.lasts = true;
  }
  [[nodiscard]] std::vector<Trouble> take() && { return std::move(found_); }

 private:
  UtcTime now_;
  std::vector<Trouble> found_;
};

std::string in_megabytes(std::uint64_t octets) {
  constexpr std::uint64_t kMegabyte = 1'000'000;
  return std::to_string(octets / kMegabyte) + " MB";
}

void look_at_spool(const OwnState& state, Findings& findings) {
  const auto add = [&](std::string_view what, std::string_view detail) {
    findings.add(TroubleKind::spool, state.spool, what, detail);
  };
  if (!state.writable) return add("unwritable", "it cannot be written");
  if (!state.free_space) {
    return add("space-unknown",
               "its free space cannot be told: " + state.free_space.error().detail);
  }
  if (*state.free_space < state.reserve) {
    return add("space",
               fmt::format("{} are free, less than the reserve of {} (limits.spool_reserve)",
                           in_megabytes(*state.free_space), in_megabytes(state.reserve)));
  }
  if (state.stalled) add("stall", "a write takes longer than a second");
}

/// Many more of them are news.
std::string_view magnitude(std::size_t count) {
  if (count < 10) return "few";
  return count < 1000 ? "many" : "very-many";
}

void look_at_set_aside(const OwnState& state, Findings& findings) {
  if (!state.first_set_aside) return;
  const auto& [key, why] = *state.first_set_aside;
  findings.add(TroubleKind::spool, state.spool + " (entries)", magnitude(state.set_aside),
               fmt::format("{} entries cannot be read; the first is {}: {}", state.set_aside, key,
                           why.detail));
}

void look_at_memory(const intake::MemoryMark::State& memory, Findings& findings) {
  if (!memory.is_above()) return;
  findings.add(TroubleKind::memory, "memory", "",
               fmt::format("{} are in use, more than the mark of {}", in_megabytes(memory.resident),
                           in_megabytes(memory.mark)));
}

void look_at_resolver(const DnssecState& dnssec, UtcTime now, Findings& findings) {
  using resolver::SelfTestResult;
  if (!dnssec.anchor_proven) {
    findings.add(TroubleKind::resolver, "trust anchor", "", dnssec.anchor_detail);
  }
  const bool unanswered = dnssec.undecided_since && now - *dnssec.undecided_since >= kUnanswered;
  if (dnssec.self_test.result == SelfTestResult::failed || unanswered) {
    findings.add(TroubleKind::resolver, "self-test", to_string(dnssec.self_test.result),
                 resolver::describe(dnssec.self_test));
  }
}

void look_at_certificates(const OwnState& state, UtcTime now, Findings& findings) {
  for (const auto& certificate : state.certificates) {
    if (certificate.not_after - now > kCertificateWarning) continue;
    const bool expired = certificate.not_after <= now;
    findings.add(TroubleKind::certificate, certificate.file, expired ? "expired" : "expires",
                 (expired ? "expired at " : "expires at ") + to_iso8601(certificate.not_after));
  }
}

}  // namespace

std::vector<Trouble> troubles_of(const OwnState& state, UtcTime now) {
  Findings findings(now);
  look_at_spool(state, findings);
  look_at_set_aside(state, findings);
  look_at_memory(state.memory, findings);
  look_at_resolver(state.dnssec, now, findings);
  look_at_certificates(state, now, findings);
  return std::move(findings).take();
}

}  // namespace fulmar::mta
