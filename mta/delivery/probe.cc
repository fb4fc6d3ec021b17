#include "mta/delivery/probe.h"

#include "mta/delivery/record.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Longer than any host that behaves needs; nobody but an operator waits.
constexpr std::chrono::minutes kProbeLimit{5};

}  // namespace

asio::awaitable<json::object> probe_host(AttemptParts parts, AttemptSettings settings,
                                         HostPlan plan) {
  json::object record{{"address", nullptr}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
  for (const IpAddress& address : addresses_of_turn(plan, 0)) {
    record = {{"address", address.str()}, {"ok", false}, {"tls", "none"}, {"failure", nullptr}};
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
      record["failure"] = to_json(conversation.error());
      continue;
    }
    describe_conversation(*conversation, record);
    record["ok"] = !conversation->session.result.failure;
    if (record["ok"].as_bool()) co_return record;
  }
  co_return record;
}

}  // namespace fulmar::delivery
