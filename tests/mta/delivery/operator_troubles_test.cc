// Which failures are for our own operator to mend.
#include "mta/delivery/operator_troubles.h"

#include <gmock/gmock.h>

#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class OperatorTroubles : public ::testing::Test {
 protected:
  OperatorTroubles() {
    rule_.entry.relay = conf::Relay::parse("[smtp.example.com]:587").value();
    to_relay_.rule = &rule_;
  }
  /// Of three recipients, one was served, and two failed alike.
  std::vector<Trouble> noted(AttemptTrace trace, Errc code) {
    AttemptResult result{.recipients = std::vector<RecipientResult>(3), .trace = std::move(trace)};
    result.recipients[0].state = RecipientState::delivered;
    for (std::size_t i : {1, 2}) {
      result.recipients[i].state = RecipientState::deferred;
      result.recipients[i].failure.error = make_error(code, "what was found");
    }
    note_troubles(troubles_, result);
    return troubles_.take().named;
  }

  DestinationRule rule_;
  Route to_relay_{.destination = Domain::parse("b.example").value()};
  Route to_mx_{.destination = Domain::parse("b.example").value()};

 private:
  fakes::FakeClock clock_;
  Troubles troubles_{clock_};
};

TEST_F(OperatorTroubles, a_relay_is_one_trouble_whatever_goes_through_it) {
  for (const Errc code : {Errc::relay_auth, Errc::relay_unusable, Errc::connect_failed,
                          Errc::tls_handshake, Errc::sts_certificate, Errc::dns_servfail}) {
    const auto troubles = noted({.route = to_relay_, .hosts = {}}, code);
    ASSERT_THAT(troubles, SizeIs(1));
    EXPECT_EQ(troubles[0].kind, TroubleKind::relay);
    EXPECT_EQ(troubles[0].subject, "[smtp.example.com]:587");
    EXPECT_EQ(troubles[0].detail, to_string(make_error(code, "what was found")));
    EXPECT_EQ(troubles[0].count, 1U) << "an attempt, not a recipient";
  }
}

TEST_F(OperatorTroubles, redteam_53_a_relay_that_wants_no_session_with_us) {
  struct Case {
    smtp::Stage stage;
    std::string what;
    std::size_t want;
  };
  const std::string told = "what was found";
  for (const auto& [stage, what, want] :
       {Case{smtp::Stage::greeting, told, 1}, Case{smtp::Stage::ehlo, told, 1},
        Case{smtp::Stage::rcpt, told, 0}, Case{smtp::Stage::greeting, "of another address", 0}}) {
    Conversation conversation;
    conversation.session.result.failure = make_error(Errc::remote_permanent, what);
    conversation.session.result.stage = stage;
    AddressTrace tried{.address = IpAddress::parse("192.0.2.1").value(), .outcomes = {}};
    tried.outcomes.emplace_back(std::move(conversation));
    HostTrace host;
    host.tried.push_back(std::move(tried));
    AttemptTrace trace{.route = to_relay_, .hosts = {}};
    trace.hosts.push_back(std::move(host));
    HostTrace unreachable;
    unreachable.tried.push_back({.address = IpAddress::parse("192.0.2.2").value(), .outcomes = {}});
    unreachable.tried[0].outcomes.emplace_back(make_error(Errc::connect_failed, "refused"));
    trace.hosts.push_back(std::move(unreachable));
    EXPECT_THAT(noted(std::move(trace), Errc::remote_permanent), SizeIs(want)) << to_string(stage);
  }
}

TEST_F(OperatorTroubles, a_rule_that_hosts_do_not_fulfil) {
  for (const Errc code :
       {Errc::dane_required, Errc::sts_required, Errc::rule_certificate, Errc::rule_no_tls}) {
    const auto troubles = noted({.route = to_mx_, .hosts = {}}, code);
    ASSERT_THAT(troubles, SizeIs(1));
    EXPECT_EQ(troubles[0].kind, TroubleKind::rule);
    EXPECT_EQ(troubles[0].subject, "b.example");
  }
}

TEST_F(OperatorTroubles, what_others_have_to_mend_is_none) {
  for (const Errc code : {Errc::dane_mismatch, Errc::sts_certificate, Errc::connect_failed,
                          Errc::remote_permanent, Errc::domain_not_found, Errc::dns_servfail}) {
    EXPECT_THAT(noted({.route = to_mx_, .hosts = {}}, code), IsEmpty()) << to_string(code);
  }
  for (const Errc code : {Errc::remote_temporary, Errc::remote_permanent, Errc::requiretls_unmet,
                          Errc::message_too_big}) {
    EXPECT_THAT(noted({.route = to_relay_, .hosts = {}}, code), IsEmpty()) << to_string(code);
  }
}

}  // namespace
}  // namespace fulmar::delivery
