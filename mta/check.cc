// `fulmar check`: everything a start would need, tried without starting.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "mta/app.h"
#include "mta/delivery/destination_rules.h"
#include "mta/intake/users.h"
#include "mta/net/endpoint.h"
#include "mta/notice/load_texts.h"
#include "mta/task_group.h"
#include "resolver/self_test.h"
#include "resolver/unbound_resolver.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace fulmar::mta {

namespace asio = boost::asio;

namespace {

class Report {
 public:
  void add(const std::string& what, const Result<>& result) {
    if (result) {
      std::printf("ok      %s\n", what.c_str());
      return;
    }
    std::printf("failed  %s: %s\n", what.c_str(), result.error().detail.c_str());
    failed_ = true;
  }
  /// What is not known, or wrong with the test alone, does not fail the check.
  void add(const std::string& what, const resolver::SelfTestFinding& finding) {
    using Weight = resolver::SelfTestFinding::Weight;
    if (finding.weight == Weight::failure) return add(what, fail(Errc::dns_bogus, finding.text));
    std::printf("%s %s: %s\n", finding.weight == Weight::open ? "unknown" : "warning", what.c_str(),
                finding.text.c_str());
  }
  /// As it stands it works, but hardly as it was meant.
  static void warn(const std::string& what, const std::string& text) {
    std::printf("warning %s: %s\n", what.c_str(), text.c_str());
  }
  [[nodiscard]] int exit_code() const { return failed_ ? kExitConfig : kExitDone; }

 private:
  bool failed_ = false;
};

Result<> check_state_dir(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::is_directory(path, ec)) return fail(Errc::io, "no such directory");
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(Errc::io, "not writable for this user");
  return {};
}

template <class Created>
Result<> without_value(const Created& created) {
  if (!created) return fail(created.error());
  return {};
}

bool daemon_is_running(const std::string& socket_path) {
  asio::io_context context;
  asio::local::stream_protocol::socket socket(context);
  boost::system::error_code ec;
  socket.connect(asio::local::stream_protocol::endpoint(socket_path), ec);
  return !ec;
}

Result<> check_address(const Endpoint& address) {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context);
  const auto endpoint = net::to_asio(address);
  boost::system::error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (ec) return fail(Errc::io, ec.message());
  return {};
}

/// What a validating resolver can find out about itself.
struct Validation {
  Result<> anchor;
  resolver::SelfTestVerdict self_test;
};

asio::awaitable<void> validate(resolver::UnboundResolver& resolver, const conf::Resolver& config,
                               std::optional<Validation>& slot) {
  Validation found;
  found.anchor = co_await resolver.prove_trust_anchor();
  found.self_test = co_await resolver::run_self_test(resolver, config);
  slot = std::move(found);
  resolver.stop();
}

Result<Validation> validate(const conf::Resolver& config) {
  asio::io_context context(1);
  const SystemClock clock;
  FULMAR_TRY(const auto resolver,
             resolver::UnboundResolver::create(config, context.get_executor(), clock));
  std::optional<Validation> slot;
  TaskGroup tasks;
  tasks.spawn(context.get_executor(), validate(*resolver, config, slot), "check");
  context.run();
  if (!slot) return fail(Errc::internal, "the check ended without an answer");
  return *std::move(slot);
}

void check_validation(Report& report, const conf::Resolver& config) {
  const std::string what = "DNSSEC validation with " + config.trust_anchor;
  const auto found = validate(config);
  if (!found) return report.add(what, fail(found.error()));
  report.add(what, found->anchor);
  if (found->self_test.findings.empty()) report.add("DNSSEC self-test", Result<>{});
  for (const resolver::SelfTestFinding& finding : found->self_test.findings)
    report.add("DNSSEC self-test", finding);
}

void check_texts(Report& report, const conf::Notify& notify) {
  const auto texts = notice::load_texts(notify);
  if (texts) return report.add("texts of notices", Result<>{});
  for (const conf::Problem& problem : texts.error())
    report.add("texts of notices", fail(Errc::syntax, to_string(problem)));
}

void check_users(Report& report, const conf::Config& config) {
  const std::string what = "users " + config.auth.users_file;
  const auto users = intake::Users::load(config.auth.users_file);
  report.add(what, without_value(users));
  if (!users) return;
  for (const std::string& name : intake::rules_of_nobody(config.users, config.listen, *users))
    Report::warn(what, "the [[user]] \"" + name + "\" has no line there");
}

}  // namespace

int check(const conf::Config& config) {
  Report report;
  report.add("state directory " + config.state_dir, check_state_dir(config.state_dir));
  report.add("CA certificates " + config.tls.ca_file,
             without_value(tls::ClientContext::create(config.tls)));
  report.add("password files of [[destination]]",
             without_value(delivery::DestinationRules::load(config.destinations)));
  const bool has_auth = std::ranges::any_of(config.listen, [](const conf::Listen& listen) {
    return listen.auth != conf::ListenAuth::none;
  });
  if (has_auth) check_users(report, config);
  check_texts(report, config.notify);
  check_validation(report, config.resolver);
  // A running daemon holds the addresses itself.
  const bool running = daemon_is_running(config.control.socket);
  for (const conf::Listen& listen : config.listen) {
    if (listen.tls != conf::ListenTls::none) {
      report.add("certificate " + listen.certificate,
                 without_value(tls::ServerContext::create(listen.certificate, listen.private_key,
                                                          listen.client_ca)));
    }
    if (!running) report.add("address " + listen.address.str(), check_address(listen.address));
  }
  return report.exit_code();
}

}  // namespace fulmar::mta
