// Which first attempts nobody knows the end of.
#include "mta/delivery/first_attempts.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "tests/fakes/fake_clock.h"

namespace fulmar::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FirstAttemptsTest : public ::testing::Test {
 protected:
  MessageId id() {
    clock_.advance(std::chrono::milliseconds(1));
    return MessageId::make(clock_.utc_now(), *random_);
  }

  FirstAttempts attempts_;

 private:
  fakes::FakeClock clock_;
  std::unique_ptr<Random> random_ = make_seeded_random(7);
};

TEST_F(FirstAttemptsTest,
       redteam_53_what_was_in_the_spool_may_have_begun_unless_the_stop_was_clean) {
  const MessageId first = id();
  const MessageId second = id();
  const MessageId other = id();
  EXPECT_THAT(attempts_.in_doubt(), IsEmpty());
  for (const MessageId& each : {first, first, second})
    attempts_.note_recovered(each);
  EXPECT_TRUE(attempts_.may_have_begun(first));
  EXPECT_TRUE(attempts_.may_have_begun(second));
  EXPECT_FALSE(attempts_.may_have_begun(other));
  EXPECT_THAT(attempts_.in_doubt(), ElementsAre(first, second));
  attempts_.keep_only({second});
  EXPECT_FALSE(attempts_.may_have_begun(first));
  EXPECT_TRUE(attempts_.may_have_begun(second)) << "it was in doubt at that stop";
}

TEST_F(FirstAttemptsTest, redteam_53_what_an_exception_ended_has_begun) {
  const MessageId ended = id();
  const MessageId broken = id();
  const MessageId noted = id();
  {
    FirstAttempts::Running running(&attempts_, ended);
    running.end();
    const FirstAttempts::Running cut_off(&attempts_, broken);
    const FirstAttempts::Running in_the_record(nullptr, noted);
  }
  EXPECT_FALSE(attempts_.may_have_begun(ended));
  EXPECT_TRUE(attempts_.may_have_begun(broken));
  EXPECT_FALSE(attempts_.may_have_begun(noted));
  EXPECT_THAT(attempts_.in_doubt(), ElementsAre(broken));
}

}  // namespace
}  // namespace fulmar::delivery
