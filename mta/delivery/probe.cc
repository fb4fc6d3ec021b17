#include "mta/delivery/probe.h"

#include "mta/delivery/record.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Longer than any host that behaves needs; nobody but an operator waits.
constexpr std::chrono::minutes kProbeLimit{5};

}  // namespace

asio::awaitable<Probe> probe_host(AttemptParts parts, AttemptSettings settings, HostPlan plan) {
  Probe probe;
  for (const IpAddress& address : addresses_of_turn(plan, 0)) {
    probe.record = {
        {"address", address.str()}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
    const ConverseParts with{.context = parts.context,
                             .clock = parts.clock,
                             .body = {},
                             .deadline = parts.clock.steady_now() + kProbeLimit};
    ConverseRequest request{.plan = plan,
                            .address = address,
                            .purpose = smtp::ClientOptions::Purpose::probe,
                            .envelope = {}};
    const auto conversation = co_await converse(with, settings.converse, std::move(request));
    if (!conversation) {
      probe.record["failure"] = to_json(conversation.error());
      probe.failure = conversation.error();
      continue;
    }
    describe_conversation(*conversation, probe.record);
    probe.failure = conversation->session.result.failure;
    probe.record["ok"] = !probe.failure;
    if (!probe.failure) co_return probe;
  }
  co_return probe;
}

}  // namespace fulmar::delivery
