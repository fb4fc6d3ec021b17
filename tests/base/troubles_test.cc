// What is kept of events until the postmaster is told.
#include "base/troubles.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/fakes/fake_clock.h"

namespace fulmar {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class TroublesTest : public ::testing::Test {
 protected:
  fakes::FakeClock clock_;
  Troubles troubles_{clock_};
};

TEST_F(TroublesTest, events_of_one_kind_and_subject_are_counted_together) {
  troubles_.note(TroubleKind::relay, "smtp.example.com", "first words");
  clock_.advance(1h);
  troubles_.note(TroubleKind::rule, "smtp.example.com", "another kind");
  troubles_.note(TroubleKind::relay, "smtp.example.com", "last words");
  const TroubleList list = troubles_.list();
  ASSERT_THAT(list.named, SizeIs(2));
  EXPECT_EQ(list.named[0].kind, TroubleKind::relay);
  EXPECT_EQ(list.named[0].detail, "last words");
  EXPECT_EQ(list.named[0].count, 2U);
  EXPECT_EQ(list.named[0].last, clock_.utc_now());
  EXPECT_FALSE(list.named[0].lasts);
  EXPECT_EQ(list.named[1].count, 1U);
}

TEST_F(TroublesTest, what_is_taken_is_gone) {
  troubles_.note(TroubleKind::relay, "smtp.example.com", "");
  EXPECT_THAT(troubles_.take().named, SizeIs(1));
  EXPECT_THAT(troubles_.take().named, IsEmpty());
}

TEST_F(TroublesTest, what_peers_can_fill_is_bounded) {
  for (std::size_t i = 0; i < Troubles::kMostNamed + 7; ++i) {
    troubles_.note(TroubleKind::notice_dropped, std::to_string(i) + "@" + std::string(9000, 'x'),
                   std::string(100'000, 'y'));
  }
  const TroubleList list = troubles_.take();
  EXPECT_THAT(list.named, SizeIs(Troubles::kMostNamed));
  EXPECT_EQ(list.left_out, 7U);
  EXPECT_LT(list.named[0].subject.size() + list.named[0].detail.size(), 1000U);
  EXPECT_THAT(list.named[0].detail, EndsWith("[...]"));
  EXPECT_EQ(troubles_.take().left_out, 0U);
}

TEST_F(TroublesTest, redteam_53_a_kind_that_peers_can_fill_leaves_others_their_room) {
  for (std::size_t i = 0; i < Troubles::kMostNamed + 1; ++i)
    troubles_.note(TroubleKind::notice_dropped, std::to_string(i) + "@a.example", "");
  troubles_.note(TroubleKind::relay, "smtp.example.com", "");
  const TroubleList list = troubles_.take();
  EXPECT_EQ(list.named.at(0).kind, TroubleKind::relay);
  EXPECT_EQ(list.left_out, 1U);
}

TEST_F(TroublesTest, redteam_53_what_is_the_matter_tells_apart) {
  troubles_.note(TroubleKind::relay, "smtp.example.com", "", "relay-auth");
  troubles_.note(TroubleKind::relay, "smtp.example.com", "", "connect-failed");
  EXPECT_THAT(troubles_.list().named, SizeIs(2));
}

TEST_F(TroublesTest, redteam_53_what_was_told_leaves_room_for_what_was_not) {
  const auto note_all = [&] {
    for (std::size_t i = 0; i < Troubles::kMostNamed; ++i)
      troubles_.note(TroubleKind::rule, std::to_string(i) + ".example", "");
  };
  note_all();
  troubles_.note_told(troubles_.take().named);
  note_all();
  troubles_.note(TroubleKind::rule, "new.example", "");
  const TroubleList list = troubles_.take();
  EXPECT_THAT(list.named, SizeIs(Troubles::kMostNamed + 1));
  EXPECT_EQ(list.left_out, 0U);
  EXPECT_EQ(std::ranges::count_if(list.named,
                                  [&](const Trouble& each) { return troubles_.is_news(each); }),
            1);
}

TEST_F(TroublesTest, what_was_told_is_news_again_after_a_day) {
  const Trouble trouble = make_trouble(TroubleKind::memory, "memory", "", clock_.utc_now());
  EXPECT_TRUE(troubles_.is_news(trouble));
  troubles_.note_told({trouble});
  clock_.advance(Troubles::kAgain - 1ms);
  EXPECT_FALSE(troubles_.is_news(trouble));
  troubles_.note_told({trouble});
  clock_.advance(1ms);
  EXPECT_TRUE(troubles_.is_news(trouble)) << "told because of others, it keeps its time";
  troubles_.note_told({trouble});
  clock_.set_forward(-1h);
  EXPECT_TRUE(troubles_.is_news(trouble)) << "whatever the clock was then";
}

TEST_F(TroublesTest, texts_are_one_line_each) {
  troubles_.note(TroubleKind::relay, "a\r\nb", "c\x1B[2J\n.\n");
  EXPECT_THAT(troubles_.list().named[0].subject, Not(HasSubstr("\n")));
  EXPECT_EQ(troubles_.list().named[0].detail, "c?[2J?.?");
}

TEST(TroubleKinds, have_names_of_their_own) {
  for (const TroubleKind kind : kTroubleKinds) {
    for (const TroubleKind other : kTroubleKinds)
      EXPECT_EQ(to_string(kind) == to_string(other), kind == other);
  }
}

}  // namespace
}  // namespace fulmar
