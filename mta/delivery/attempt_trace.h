// What an attempt met, host by host, as it met it. It becomes a decision record (record.h) when
// somebody is left to read one: of mail that everybody got, nobody does.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ip_address.h"
#include "mta/delivery/converse.h"
#include "mta/delivery/plan.h"

namespace fulmar::delivery {

struct AddressTrace {
  IpAddress address;
  std::vector<std::variant<Error, Conversation>> outcomes;  ///< An error: nobody was spoken to.
};

struct HostTrace {
  std::shared_ptr<const HostPlan> plan;
  std::vector<AddressTrace> tried;
};

struct AttemptTrace {
  Route route;
  std::vector<HostTrace> hosts;  ///< In the order of trying; the same one again after a fresh look.
};

}  // namespace fulmar::delivery
