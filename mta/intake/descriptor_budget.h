// How many clients the process's limit of descriptors allows (pitfall 89). Pure.
#pragma once

#include <cstdint>

namespace fulmar::intake {

/// What the rest of the program may hold open at once: connections of 500 deliveries, policy
/// fetches of 1500 that have not begun (queue::SchedulerLimits), and 200 connections kept for the
/// next one; 300 files of the spool, 1100 sockets of DNS, and 100 for clients that are being turned
/// away, the control socket, logs and the like.
inline constexpr std::uint64_t kDescriptorsOfOthers = 3'700;

/// `wanted` connections ([limits] connections), or as many as `descriptors` leave beside the
/// others; but never less than a quarter, which others then have to do without, and never none.
[[nodiscard]] std::uint32_t connections_within(std::uint64_t descriptors, std::uint32_t wanted);

}  // namespace fulmar::intake
