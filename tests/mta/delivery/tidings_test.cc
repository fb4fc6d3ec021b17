// Who hears of what, by NOTIFY and by the next host.
#include "mta/delivery/tidings.h"

#include <gtest/gtest.h>

namespace fulmar::delivery {
namespace {

using smtp::DutyToTell;

queue::Recipient recipient(DsnNotify notify) {
  return {.address = Mailbox::parse("you@b.example").value(),
          .notify = notify,
          .original = "rfc822;you@old.example"};
}

queue::Message message_from(const char* sender) {
  queue::Message message;
  if (*sender != '\0') message.sender = Mailbox::parse(sender).value();
  return message;
}

struct Case {
  const char* name;
  DsnNotify notify;
  bool failure;
  bool success;  ///< Where the next host does not tell.
};

TEST(Tidings, DSN_05_and_06_of_what_the_sender_hears) {
  const RecipientResult ours{.state = RecipientState::delivered};
  const RecipientResult theirs{.state = RecipientState::delivered,
                               .duty_to_tell = DutyToTell::theirs};
  const queue::Message message = message_from("me@a.example");
  const queue::Message without_sender = message_from("");
  for (const Case& c : {
           Case{"nothing stated", {}, true, false},
           Case{"NEVER", {.stated = true}, false, false},
           Case{"FAILURE", {.stated = true, .failure = true}, true, false},
           Case{"DELAY", {.stated = true, .delay = true}, false, false},
           Case{"SUCCESS", {.stated = true, .success = true}, false, true},
           Case{"all",
                {.stated = true, .success = true, .failure = true, .delay = true},
                true,
                true},
       }) {
    SCOPED_TRACE(c.name);
    const queue::Recipient to = recipient(c.notify);
    EXPECT_EQ(counts_as_failed(message, to), c.failure);
    EXPECT_EQ(is_owed_relayed(message, to, ours), c.success);
    EXPECT_FALSE(is_owed_relayed(message, to, theirs));
    EXPECT_TRUE(counts_as_failed(without_sender, to)) << "the operator hears of it";
    EXPECT_FALSE(is_owed_relayed(without_sender, to, ours)) << "DSN-08";
  }
}

TEST(Tidings, DSN_13_the_facts_name_the_original_recipient) {
  queue::Recipient to = recipient({});
  EXPECT_EQ(as_failing(to).failure.code, Errc::expired);
  to.last_failure = make_error(Errc::connect_failed, "no route");
  to.last_host = "mx1";
  to.last_reply = "450 no";
  to.exposure = queue::Exposure::envelope;
  const auto failing = as_failing(to);
  EXPECT_EQ(failing.original, "rfc822;you@old.example");
  EXPECT_EQ(failing.failure.code, Errc::connect_failed);
  EXPECT_EQ(failing.host, "mx1");
  EXPECT_EQ(failing.reply, "450 no");
  EXPECT_EQ(failing.exposure, queue::Exposure::envelope);
}

TEST(Tidings, DSN_05_who_took_it_over_and_the_most_that_was_shown) {
  queue::Recipient to = recipient({});
  to.last_host = "mx1";
  to.last_reply = "450 no";
  to.exposure = queue::Exposure::content;
  const auto relayed = as_relayed(to, {.state = RecipientState::delivered,
                                       .host = "mx2",
                                       .reply = "250 ok",
                                       .exposure = queue::Exposure::envelope});
  EXPECT_EQ(relayed.original, "rfc822;you@old.example");
  EXPECT_EQ(relayed.host, "mx2");
  EXPECT_EQ(relayed.reply, "250 ok");
  EXPECT_EQ(relayed.exposure, queue::Exposure::content);
}

}  // namespace
}  // namespace fulmar::delivery
