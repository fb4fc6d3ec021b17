// When the postmaster is told of troubles.
#include "mta/operator_digest.h"

#include <gmock/gmock.h>

#include "tests/mta/delivery/courier_world.h"
#include "tests/mta/intake/log_lines.h"

namespace fulmar::mta {
namespace {

using namespace std::chrono_literals;
using delivery::CourierWorld;
using delivery::run;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr auto kEvery = 1h;
constexpr auto kGather = 5min;

class Digest : public CourierWorld {
 protected:
  Digest() {
    own_.dnssec.anchor_proven = true;
    own_.dnssec.self_test.result = resolver::SelfTestResult::passed;
  }

  OperatorDigest make() {
    return {{.troubles = troubles_,
             .own_state = [this] { return own_; },
             .store = store_,
             .report_back = report_back_,
             .line = line_,
             .clock = clock_},
            kEvery,
            Mailbox::parse("postmaster@relay.example").value()};
  }
  void look() { run(digest_.look()); }
  /// As the minutes go by.
  void pass(std::chrono::minutes time) {
    for (; time > 0min; time -= 1min) {
      clock_.advance(1min);
      look();
    }
  }
  void relay_fails() { troubles_.note(TroubleKind::relay, "smtp.example.com", "535 no"); }

  intake::LogLines log_;
  OwnState own_;
  OperatorDigest digest_ = make();
};

TEST_F(Digest, nobody_is_told_of_nothing) {
  pass(120min);
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Digest, what_comes_together_is_told_together_in_one_batch) {
  relay_fails();
  look();
  pass(4min);
  own_.memory = {.resident = 2'000'000, .mark = 1'000'000};
  relay_fails();
  EXPECT_THAT(notices(), IsEmpty());
  journal_.clear();
  pass(1min);
  EXPECT_THAT(journal_,
              ElementsAre("commit: put chunk, put message, put relay.example, put record"));
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0],
              AllOf(HasSubstr("smtp.example.com: \"535 no\" (2 times"),
                    HasSubstr("2 MB are in use"), HasSubstr("To: <postmaster@relay.example>")));
  EXPECT_EQ(log_.count("mail to the postmaster about troubles"), 1U);
  EXPECT_EQ(line_.depth().deliveries, 1U) << "it is on its way";
}

TEST_F(Digest, not_more_often_than_configured) {
  relay_fails();
  look();
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  troubles_.note(TroubleKind::rule, "b.example", "no TLSA records");
  pass(59min);
  EXPECT_THAT(notices(), SizeIs(1));
  pass(1min);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[1], AllOf(HasSubstr("b.example"), Not(HasSubstr("smtp.example.com"))));
}

TEST_F(Digest, what_lasts_is_told_of_again_after_a_day) {
  own_.writable = false;
  for (auto time = 0min; time < 24h + kGather; time += 1min) {
    relay_fails();
    pass(1min);
  }
  EXPECT_THAT(notices(), SizeIs(1));
  pass(10min);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[1], AllOf(HasSubstr("cannot be written"), HasSubstr("smtp.example.com")));
}

TEST_F(Digest, a_trouble_that_is_over_in_a_moment_is_not_told) {
  own_.stalled = true;
  look();
  pass(3min);
  own_.stalled = false;
  pass(120min);
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Digest, starts_of_the_program_do_not_make_it_more_often) {
  relay_fails();
  look();
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  OperatorDigest next = make();
  ASSERT_TRUE(run(next.load()));
  troubles_.note(TroubleKind::rule, "b.example", "no TLSA records");
  for (int minute = 0; minute < 59; ++minute) {
    clock_.advance(1min);
    run(next.look());
  }
  EXPECT_THAT(notices(), SizeIs(1));
  clock_.advance(1min);
  run(next.look());
  EXPECT_THAT(notices(), SizeIs(2));
}

TEST_F(Digest, a_record_that_does_not_decode_is_as_good_as_none) {
  queue::Batch batch{queue::PutRecord{queue::kOperatorDigest, "last", "garbage"}};
  ASSERT_TRUE(run(store_.commit(std::move(batch))));
  ASSERT_TRUE(run(digest_.load()));
  relay_fails();
  look();
  pass(5min);
  EXPECT_THAT(notices(), SizeIs(1));
}

TEST_F(Digest, a_clock_that_is_set_back_puts_it_off_for_one_interval) {
  relay_fails();
  look();
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  clock_.set_forward(-48h);
  relay_fails();
  look();
  pass(60min);
  EXPECT_THAT(notices(), SizeIs(2));
}

TEST_F(Digest, one_that_nobody_takes_does_not_make_another) {
  troubles_.note(TroubleKind::notice_dropped, "postmaster@relay.example", "550 no");
  look();
  pass(120min);
  EXPECT_THAT(notices(), IsEmpty());
  relay_fails();
  pass(6min);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("550 no")) << "others start the mail that tells of it";
}

TEST_F(Digest, redteam_53_many_that_were_told_start_no_mail_and_hide_nothing) {
  const auto note_many = [&] {
    for (std::size_t i = 0; i < Troubles::kMostNamed; ++i)
      troubles_.note(TroubleKind::rule, std::to_string(i) + ".example", "no TLSA records");
  };
  note_many();
  look();
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  for (int hour = 0; hour < 5; ++hour) {
    note_many();
    pass(60min);
  }
  EXPECT_THAT(notices(), SizeIs(1));
  troubles_.note(TroubleKind::rule, "another.example", "no TLSA records");
  pass(6min);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[1], HasSubstr("another.example"));
}

TEST_F(Digest, redteam_53_a_graver_matter_with_the_same_subject_is_news) {
  own_.stalled = true;
  look();
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  own_.writable = false;
  pass(60min);
  ASSERT_THAT(notices(), SizeIs(2));
  EXPECT_THAT(notices()[1], HasSubstr("cannot be written"));
}

TEST_F(Digest, redteam_53_what_comes_and_goes_is_told) {
  for (int round = 0; round < 6; ++round) {
    own_.stalled = true;
    pass(4min);
    own_.stalled = false;
    pass(1min);
  }
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], HasSubstr("longer than a second"));
}

TEST_F(Digest, redteam_53_one_that_the_spool_took_late_is_not_followed_by_another_at_once) {
  relay_fails();
  look();
  store_.before_next_commit([this] { clock_.advance(2h); });
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  troubles_.note(TroubleKind::rule, "b.example", "no TLSA records");
  pass(59min);
  EXPECT_THAT(notices(), SizeIs(1));
  OperatorDigest next = make();
  ASSERT_TRUE(run(next.load()));
  run(next.look());
  EXPECT_THAT(notices(), SizeIs(1)) << "over a restart too";
  pass(1min);
  EXPECT_THAT(notices(), SizeIs(2));
}

TEST_F(Digest, redteam_53_what_comes_seldom_and_goes_is_not_told) {
  for (int hour = 0; hour < 10; ++hour) {
    own_.stalled = true;
    pass(1min);
    own_.stalled = false;
    pass(49min);
  }
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(Digest, redteam_53_a_state_that_became_another_is_told_of_once) {
  own_.free_space = 1;
  own_.reserve = 2;
  look();
  pass(3min);
  own_.writable = false;
  pass(5min);
  ASSERT_THAT(notices(), SizeIs(1));
  EXPECT_THAT(notices()[0], AllOf(HasSubstr("cannot be written"), Not(HasSubstr("are free"))));
}

TEST_F(Digest, redteam_53_what_takes_turns_with_another_state_is_told) {
  for (int round = 0; round < 6; ++round) {
    own_.stalled = true;
    pass(1min);
    own_.stalled = false;
    pass(1min);
    own_.writable = false;
    pass(1min);
    own_.writable = true;
    pass(1min);
  }
  EXPECT_THAT(notices(), SizeIs(1));
}

TEST_F(Digest, redteam_53_what_was_told_and_is_over_is_not_told_a_day_later) {
  own_.stalled = true;
  look();
  pass(12min);
  ASSERT_THAT(notices(), SizeIs(1));
  own_.stalled = false;
  pass(26h);
  EXPECT_THAT(notices(), SizeIs(1));
}

TEST_F(Digest, what_could_not_be_stored_before_the_end_leaves_nothing_behind) {
  relay_fails();
  look();
  store_.memory().fail_next_commit(Errc::cancelled);
  pass(5min);
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(line_.depth().deliveries, 0U);
  EXPECT_THAT(run(store_.read_table(queue::kOperatorDigest)).value(), IsEmpty());
}

// What deliveries find.

TEST_F(Digest, pitfall_110_a_notice_that_nobody_takes_is_told_to_the_postmaster) {
  accept("me@a.example", {"x@nowhere.example"});
  while (step()) {
  }
  const TroubleList noted = troubles_.list();
  ASSERT_THAT(noted.named, SizeIs(1)) << "its notice goes to a.example, which does not exist";
  EXPECT_EQ(noted.named[0].kind, TroubleKind::notice_dropped);
  EXPECT_EQ(noted.named[0].subject, "me@a.example");
  EXPECT_THAT(noted.named[0].detail, AllOf(HasSubstr("about "), HasSubstr("domain-not-found")));
}

TEST_F(Digest, redteam_53_a_clients_own_null_reverse_path_is_no_notice_of_ours) {
  accept("", {"x@nowhere.example"});
  ASSERT_TRUE(step());
  EXPECT_EQ(metrics_.notices_dropped.value(), 1U);
  EXPECT_THAT(troubles_.list().named, IsEmpty());
}

TEST_F(Digest, redteam_53_an_address_that_REQUIRETLS_protects_is_not_told_without_it) {
  accept("me@a.example", {"x@nowhere.example"},
         [](queue::Message& message, queue::Delivery&) { message.requiretls = true; });
  while (step()) {
  }
  const TroubleList noted = troubles_.list();
  ASSERT_THAT(noted.named, SizeIs(1));
  EXPECT_THAT(noted.named[0].subject + noted.named[0].detail, Not(HasSubstr("a.example")));
}

}  // namespace
}  // namespace fulmar::mta
