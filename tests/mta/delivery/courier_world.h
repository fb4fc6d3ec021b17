// Everything a courier needs, in memory. No packet leaves the machine: the only addresses that pass
// the guard are loopback ones, and even those fail at a source address of class E, which no machine
// can have.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mta/delivery/courier.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_resolver.h"
#include "tests/fakes/test_ca.h"
#include "tests/mta/delivery/fake_mta_sts.h"
#include "tests/mta/delivery/recording_store.h"
#include "tests/mta/delivery/run.h"

namespace fulmar::delivery {

/// The records that tests feed, and a journal line "ask b.example" when an attempt begins.
class JournalResolver final : public resolver::FakeResolver {
 public:
  explicit JournalResolver(std::vector<std::string>& journal) : journal_(journal) {}

  boost::asio::awaitable<Result<resolver::Answer<resolver::MxRecord>>> mx(Domain name) override {
    journal_.push_back("ask " + name.str());
    if (const auto action = std::exchange(action_, nullptr)) action();
    if (stalled_.contains(name)) return never<Result<resolver::Answer<resolver::MxRecord>>>();
    return FakeResolver::mx(std::move(name));
  }
  /// MX lookups of this name do not end before their io_context does.
  void stall(Domain name) { stalled_.insert(std::move(name)); }
  void at_next_mx(std::function<void()> action) { action_ = std::move(action); }

 private:
  std::vector<std::string>& journal_;
  std::function<void()> action_;
  std::set<Domain> stalled_;
};

/// A context that trusts one authority made up here.
inline std::unique_ptr<tls::ClientContext> make_client_context() {
  const auto path =
      std::filesystem::temp_directory_path() / ("fulmar-ca-" + std::to_string(getpid()) + ".pem");
  fakes::write_pem(path.string(), fakes::make_root().certificate_pem());
  conf::Tls settings;
  settings.ca_file = path.string();
  auto context = tls::ClientContext::create(settings).value();
  std::filesystem::remove(path);
  return context;
}

inline AttemptSettings make_attempt_settings() {
  AttemptSettings settings{.converse = {.helo_name = "relay.example", .outbound = {}}};
  settings.converse.outbound.source_addresses = {IpAddress::parse("240.0.0.1").value()};
  return settings;
}

class CourierWorld : public ::testing::Test {
 protected:
  using Strings = std::vector<std::string>;

  static Domain domain(std::string_view name) { return Domain::parse(name).value(); }

  /// Puts a message into the spool and the line. An empty sender is the null one.
  MessageId accept(std::string_view sender, const Strings& recipients) {
    const std::vector<queue::Delivery> deliveries = store_message(sender, recipients);
    for (const queue::Delivery& delivery : deliveries)
      line_.add({delivery.message, delivery.destination}, {delivery.next_attempt});
    return deliveries.front().message;
  }
  /// The same, after `edit` has changed what the spool holds of it.
  using Edit = std::function<void(queue::Message&, queue::Delivery&)>;
  MessageId accept(std::string_view sender, const Strings& recipients, const Edit& edit) {
    const MessageId id = store_message(sender, recipients).front().message;
    queue::Message message = run(store_.memory().read_message(id)).value();
    queue::Batch batch;
    for (queue::Delivery delivery : store_.memory().deliveries()) {
      if (delivery.message != id) continue;
      edit(message, delivery);
      batch.emplace_back(queue::PutMessage{message});
      batch.emplace_back(queue::PutDelivery{delivery});
      line_.add({id, delivery.destination}, {delivery.next_attempt});
    }
    EXPECT_TRUE(run(store_.memory().commit(std::move(batch))).has_value());
    return id;
  }
  /// Into the spool alone.
  std::vector<queue::Delivery> store_message(std::string_view sender, const Strings& recipients) {
    const UtcTime now = clock_.utc_now();
    queue::Message message{.id = MessageId::make(now, *random_),
                           .sender = std::nullopt,
                           .arrived = now,
                           .size = 20,
                           .chunks = 2,
                           .client = "app.example[192.0.2.9]",
                           .helo = "app.example",
                           .header = "Subject: to the harbour\r\n"};
    if (!sender.empty()) message.sender = Mailbox::parse(sender).value();
    queue::Batch batch{queue::PutChunk{message.id, 0, "Subject: to the harbour\r\n\r\nhel"},
                       queue::PutChunk{message.id, 1, "lo\r\n"}, queue::PutMessage{message}};
    std::vector<queue::Delivery> deliveries = split(message, recipients);
    for (const queue::Delivery& delivery : deliveries)
      batch.emplace_back(queue::PutDelivery{delivery});
    EXPECT_TRUE(run(store_.memory().commit(std::move(batch))).has_value());
    return deliveries;
  }

  /// Runs the delivery that is due next; false when none is.
  bool step() {
    const auto taken = line_.take();
    if (!taken) return false;
    run(courier_.run(*taken));
    return true;
  }
  /// At most 50: a test must not hang in what may be a tight loop.
  std::size_t run_due() {
    std::size_t steps = 0;
    while (steps < 50 && step())
      ++steps;
    return steps;
  }

  [[nodiscard]] std::optional<queue::Delivery> delivery_of(const MessageId& id,
                                                           std::string_view destination) {
    auto found = run(store_.memory().read_delivery(id, domain(destination)));
    if (!found) return std::nullopt;
    return *std::move(found);
  }
  [[nodiscard]] bool has_message(const MessageId& id) {
    return run(store_.memory().read_message(id)).has_value();
  }
  /// The text of all notices in the spool, oldest first.
  [[nodiscard]] Strings notices() {
    Strings texts;
    for (const queue::Message& message : store_.memory().messages()) {
      if (!message.sender && message.client.empty())
        texts.push_back(store_.memory().body(message.id));
    }
    return texts;
  }

  /// The MX host is loopback, so that no attempt gets beyond the guard.
  void add_site(std::string_view name, resolver::Security security) {
    const std::string host = "mx1." + std::string(name);
    resolver_.add_mx(name, 10, host, security);
    resolver_.add_a(host, {"127.0.0.1"}, security);
  }

  Strings journal_;
  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(7);
  JournalResolver resolver_{journal_};
  FakeMtaSts sts_;
  RecordingStore store_{journal_};
  Metrics metrics_;
  Troubles troubles_{clock_};
  conf::Retry retry_;
  conf::Notify notify_;
  std::unique_ptr<tls::ClientContext> context_ = make_client_context();
  Planner planner_{{.resolver = resolver_,
                    .mta_sts = sts_,
                    .random = *random_,
                    .clock = clock_,
                    .metrics = metrics_,
                    .troubles = troubles_},
                   {.own_name = domain("relay.example"),
                    .allow_networks = {Network::parse("127.77.0.0/16").value()}}};
  queue::LaneRule lane_rule_;  // for all; read when the first delivery to a destination is added
  WaitingLine line_{
      {.total = 2, .lane_for = [this](const MailHost&) { return lane_rule_; }}, clock_, [] {}};
  FirstCopies first_copies_{clock_};
  FirstAttempts first_attempts_;
  UnreachableAddresses unreachable_{retry_.intervals.front() / 2, clock_};
  Suspensions suspensions_{store_};
  Quarantine quarantine_;
  ReportBack report_back_{store_,
                          clock_,
                          *random_,
                          {.hostname = domain("relay.example"),
                           .postmaster = "postmaster@relay.example",
                           .notify = notify_},
                          notice::Texts::built_in()};
  NoticeDesk notice_desk_{{store_, report_back_, line_, clock_, *random_, metrics_}, std::nullopt};
  Courier courier_{{.attempt = {.planner = planner_,
                                .store = &store_,
                                .context = *context_,
                                .clock = clock_,
                                .unreachable = &unreachable_},
                    .store = store_,
                    .line = line_,
                    .first_copies = first_copies_,
                    .first_attempts = first_attempts_,
                    .report_back = report_back_,
                    .notice_desk = notice_desk_,
                    .suspensions = suspensions_,
                    .quarantine = quarantine_,
                    .clock = clock_,
                    .random = *random_,
                    .metrics = metrics_,
                    .troubles = troubles_},
                   {.attempt = make_attempt_settings(), .retry = retry_, .notify = notify_}};

 private:
  static std::vector<queue::Delivery> split(const queue::Message& message,
                                            const Strings& recipients) {
    std::vector<queue::Delivery> deliveries;
    for (const std::string& text : recipients) {
      const Mailbox address = Mailbox::parse(text).value();
      auto found = std::ranges::find(deliveries, address.host, &queue::Delivery::destination);
      if (found == deliveries.end()) {
        deliveries.push_back({.message = message.id,
                              .destination = address.host,
                              .recipients = {},
                              .arrived = message.arrived,
                              .next_attempt = message.arrived,
                              .history = {}});
        found = deliveries.end() - 1;
      }
      found->recipients.push_back(
          {.address = address, .last_failure = std::nullopt, .last_host = {}, .last_reply = {}});
    }
    return deliveries;
  }
};

}  // namespace fulmar::delivery
