#include "mta/app.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "mta/daemon.h"
#include "mta/delivery/explain.h"
#include "mta/engine.h"
#include "mta/intake/descriptor_budget.h"
#include "mta/task_group.h"

namespace fulmar::mta {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

/// Connections, the spool's files and DNS all need descriptors: the soft limit is raised to the
/// hard one (pitfall 89). A refusal leaves what there was. What there is now; nothing when that
/// cannot be told.
std::optional<std::uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return limit.rlim_cur;
  log_warn("descriptor limit cannot be raised", {{"reason", std::strerror(errno)}});
  return before;
}

/// Better fewer clients from the start than sessions, deliveries and the spool that fail in turn.
void fit_to_descriptors(conf::Limits& limits) {
  const auto descriptors = raise_descriptor_limit();
  if (!descriptors) return;
  const std::uint32_t wanted = limits.connections;
  limits.connections = intake::connections_within(*descriptors, wanted);
  if (limits.connections == wanted) return;
  log_warn("fewer client connections than configured: the limit of open files is too low",
           {{"limit", std::to_string(*descriptors)},
            {"needed", std::to_string(wanted + intake::kDescriptorsOfOthers)},
            {"limits.connections", std::to_string(wanted)},
            {"connections", std::to_string(limits.connections)}});
}

}  // namespace

int serve(conf::Config config) {
  auto sink = make_log_sink(config.log);
  if (!sink) {
    std::fprintf(stderr, "fulmar: cannot open the log: %s\n", sink.error().detail.c_str());
    return kExitConfig;
  }
  const auto previous = set_log_sink(*std::move(sink));
  fit_to_descriptors(config.limits);
  Daemon daemon(std::move(config));
  const int exit_code = daemon.run();
  set_log_sink(previous);
  return exit_code;
}

namespace {

/// Keeps nothing: without a daemon there is no spool to keep policies in.
class NoPolicyStore final : public tls::PolicyStore {
 public:
  asio::awaitable<Result<>> save(tls::StsCacheEntry) override { co_return Result<>{}; }
  asio::awaitable<Result<>> remove(Domain) override { co_return Result<>{}; }
};

struct Question {
  MailHost destination;
  control::Connect connect;
};

asio::awaitable<void> answer(Engine& engine, delivery::AttemptParts parts,
                             delivery::AttemptSettings settings, Question question,
                             std::optional<Result<json::value>>& slot) {
  const auto proven = co_await engine.resolver().prove_trust_anchor();
  if (!proven) {
    slot = fail(proven.error());
  } else {
    slot = json::value(
        co_await delivery::explain(parts, settings, question.destination, question.connect));
  }
  engine.mta_sts().stop();
  engine.resolver().stop();
}

}  // namespace

Result<json::value> explain_without_daemon(const conf::Config& config, const std::string& target,
                                           control::Connect connect) {
  FULMAR_TRY(const MailHost destination, delivery::parse_target(target));
  asio::io_context context(1);
  SystemClock clock;
  const auto random = make_system_random();
  Metrics metrics;
  Troubles troubles(clock);  // nobody is told: the answer says all
  NoPolicyStore policies;
  FULMAR_TRY(const auto engine, Engine::create(config,
                                               {.clock = clock,
                                                .random = *random,
                                                .metrics = metrics,
                                                .troubles = troubles,
                                                .policy_store = policies},
                                               context.get_executor(), {}));
  const delivery::AttemptParts parts{
      .planner = engine->planner(), .store = nullptr, .context = engine->context(), .clock = clock};
  std::optional<Result<json::value>> slot;
  TaskGroup tasks;
  tasks.spawn(context.get_executor(),
              answer(*engine, parts, attempt_settings(config), {destination, connect}, slot),
              "explain");
  context.run();
  // An exception that ended the task is in the log already.
  if (!slot) return fail(Errc::internal, "explain ended without an answer");
  return *std::move(slot);
}

}  // namespace fulmar::mta
