// What in our own state is trouble.
#include "mta/own_state.h"

#include <gmock/gmock.h>

#include <functional>

namespace fulmar::mta {
namespace {

using namespace std::chrono_literals;
using resolver::SelfTestResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const UtcTime kNow{std::chrono::days(20'000)};

OwnState well() {
  OwnState state{.spool = "/var/lib/fulmar", .free_space = 200'000'000, .reserve = 100'000'000};
  state.memory = {.resident = 10'000'000, .mark = 20'000'000};
  state.dnssec = {.anchor_proven = true, .self_test = {.result = SelfTestResult::passed}};
  state.certificates = {{.file = "/etc/fulmar/cert.pem", .not_after = kNow + 15 * 24h}};
  return state;
}

struct Case {
  std::string name;
  std::function<void(OwnState&)> change;
  TroubleKind kind;
  std::string subject;
  std::string detail;
};

class OwnTroubles : public ::testing::TestWithParam<Case> {};

TEST_P(OwnTroubles, are_found) {
  OwnState state = well();
  ASSERT_THAT(troubles_of(state, kNow), IsEmpty());
  GetParam().change(state);
  const auto found = troubles_of(state, kNow);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].kind, GetParam().kind);
  EXPECT_EQ(found[0].subject, GetParam().subject);
  EXPECT_THAT(found[0].detail, HasSubstr(GetParam().detail));
  EXPECT_TRUE(found[0].lasts);
}

const Case kCases[] = {
    {"the_spool_cannot_be_written", [](OwnState& state) { state.writable = false; },
     TroubleKind::spool, "/var/lib/fulmar", "cannot be written"},
    {"little_space", [](OwnState& state) { state.free_space = 99'999'999; }, TroubleKind::spool,
     "/var/lib/fulmar", "99 MB are free, less than the reserve of 100 MB"},
    {"space_unknown", [](OwnState& state) { state.free_space = fail(Errc::io, "no such folder"); },
     TroubleKind::spool, "/var/lib/fulmar", "no such folder"},
    {"a_stall", [](OwnState& state) { state.stalled = true; }, TroubleKind::spool,
     "/var/lib/fulmar", "longer than a second"},
    {"set_aside",
     [](OwnState& state) {
       state.set_aside = 3;
       state.first_set_aside = {"KEY", make_error(Errc::corrupt, "no such version")};
     },
     TroubleKind::spool, "/var/lib/fulmar (entries)",
     "3 entries cannot be read; the first is KEY: no such version"},
    {"memory", [](OwnState& state) { state.memory.resident = 21'000'000; }, TroubleKind::memory,
     "memory", "21 MB are in use, more than the mark of 20 MB"},
    {"trust_anchor",
     [](OwnState& state) {
       state.dnssec.anchor_proven = false;
       state.dnssec.anchor_detail = "no answer";
     },
     TroubleKind::resolver, "trust anchor", "no answer"},
    {"self_test_failed",
     [](OwnState& state) {
       state.dnssec.self_test = {.result = SelfTestResult::failed,
                                 .findings = {{.text = "a bogus name came back"}}};
     },
     TroubleKind::resolver, "self-test", "a bogus name came back"},
    {"self_test_unanswered_for_long",
     [](OwnState& state) {
       state.dnssec.self_test = {.result = SelfTestResult::undecided,
                                 .findings = {{.text = "no answer in time"}}};
       state.dnssec.undecided_since = kNow - kUnanswered;
     },
     TroubleKind::resolver, "self-test", "no answer in time"},
    {"a_certificate_expires_soon",
     [](OwnState& state) { state.certificates[0].not_after = kNow + 14 * 24h; },
     TroubleKind::certificate, "/etc/fulmar/cert.pem", "expires at 2024-10-18T00:00:00.000Z"},
    {"a_certificate_expired", [](OwnState& state) { state.certificates[0].not_after = kNow; },
     TroubleKind::certificate, "/etc/fulmar/cert.pem", "expired at 2024-10-04T00:00:00.000Z"},
};
INSTANTIATE_TEST_SUITE_P(table, OwnTroubles, ::testing::ValuesIn(kCases),
                         [](const auto& each) { return each.param.name; });

TEST(OwnTroublesAre, none_while_names_out_there_are_silent_for_a_moment) {
  OwnState state = well();
  state.dnssec.self_test.result = SelfTestResult::undecided;
  state.dnssec.undecided_since = kNow - kUnanswered + 1ms;
  EXPECT_THAT(troubles_of(state, kNow), IsEmpty());
}

TEST(OwnTroublesAre, told_side_by_side) {
  OwnState state = well();
  state.writable = false;
  state.first_set_aside = {"KEY", make_error(Errc::corrupt, "")};
  state.memory.resident = 21'000'000;
  state.certificates[0].not_after = kNow;
  EXPECT_THAT(troubles_of(state, kNow), SizeIs(4));
}

}  // namespace
}  // namespace fulmar::mta
