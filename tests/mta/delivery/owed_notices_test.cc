// Who hears of what, by NOTIFY and by the next host.
#include "mta/delivery/owed_notices.h"

#include <gtest/gtest.h>

namespace fulmar::delivery {
namespace {

using smtp::DsnDuty;

queue::Recipient recipient(DsnNotify notify) {
  return {.address = Mailbox::parse("you@b.example").value(),
          .notify = notify,
          .original_recipient = "rfc822;you@old.example"};
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

TEST(OwedNotices, DSN_05_and_06_of_what_the_sender_hears) {
  const RecipientResult ours{.state = RecipientState::delivered};
  const RecipientResult theirs{.state = RecipientState::delivered, .dsn_duty = DsnDuty::theirs};
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

TEST(OwedNotices, who_was_told_of_a_delay_hears_of_its_end) {
  const queue::Message message = message_from("me@a.example");
  queue::Delivery told;
  told.delay_notices = 1;
  struct Row {
    const char* name;
    DsnNotify notify;
    bool owed;
  };
  for (const Row& row : {Row{"nothing stated", {}, true},
                         Row{"DELAY, without SUCCESS", {.stated = true, .delay = true}, false},
                         Row{"FAILURE: was not told", {.stated = true, .failure = true}, false},
                         Row{"NEVER", {.stated = true}, false},
                         Row{"SUCCESS, DELAY: hears of it anyway",
                             {.stated = true, .success = true, .delay = true},
                             false}}) {
    SCOPED_TRACE(row.name);
    const queue::Recipient to = recipient(row.notify);
    EXPECT_EQ(is_owed_cleared(message, told, to, {}), row.owed);
    EXPECT_FALSE(is_owed_cleared(message, {}, to, {})) << "nobody was told";
    EXPECT_FALSE(is_owed_cleared(message, told, to, {.cleared = false}));
    EXPECT_FALSE(is_owed_cleared(message_from(""), told, to, {}));
  }
}

/// Of a delivery that owes this one word.
notice::NoticeRecipient facts_of(OwedWord word) {
  OwedNotice owed{.message = message_from("me@a.example")};
  owed.words.push_back(std::move(word));
  notice::NoticeFacts facts;
  add_facts(owed, facts);
  return facts.recipients.at(0);
}

queue::Recipient waiting() {
  queue::Recipient to = recipient({});
  to.last_failure = make_error(Errc::connect_failed, "no route");
  to.last_host = "mx1";
  to.last_reply = "450 no";
  to.exposure = queue::Exposure::envelope;
  return to;
}

TEST(OwedNotices, DSN_13_the_facts_name_the_original_recipient) {
  EXPECT_EQ(facts_of(failed(recipient({}))).failure.code, Errc::expired);
  const auto facts = facts_of(failed(waiting()));
  EXPECT_EQ(facts.kind, notice::NoticeKind::failed);
  EXPECT_EQ(facts.original_recipient, "rfc822;you@old.example");
  EXPECT_EQ(facts.failure.code, Errc::connect_failed);
  EXPECT_EQ(facts.host, "mx1");
  EXPECT_EQ(facts.reply, "450 no");
  EXPECT_EQ(facts.exposure, queue::Exposure::envelope);
  EXPECT_FALSE(facts.expired);
}

TEST(OwedNotices, the_end_of_waiting_has_the_last_cause_for_good) {
  const auto facts = facts_of(expired(waiting()));
  EXPECT_TRUE(facts.expired);
  EXPECT_EQ(facts.failure.code, Errc::connect_failed);
  EXPECT_EQ(facts.failure.status.klass, 5);
  EXPECT_EQ(facts_of(expired(recipient({}))).failure.code, Errc::expired);
}

TEST(OwedNotices, what_an_operator_ends_names_no_host) {
  const auto facts = facts_of(ended(waiting(), "we do not serve them"));
  EXPECT_EQ(facts.failure.code, Errc::administrative);
  EXPECT_EQ(facts.failure.detail, "we do not serve them");
  EXPECT_EQ(facts.host, "");
  EXPECT_EQ(facts.reply, "");
  EXPECT_FALSE(facts.failing_since);
  EXPECT_EQ(facts.exposure, queue::Exposure::envelope) << "that it was shown stays true";
}

TEST(OwedNotices, DSN_05_who_took_it_over_and_the_most_that_was_shown) {
  queue::Recipient to = waiting();
  to.exposure = queue::Exposure::content;
  const RecipientResult taken{.state = RecipientState::delivered,
                              .host = "mx2",
                              .reply = "250 ok",
                              .exposure = queue::Exposure::envelope};
  const auto facts = facts_of(handed_over(notice::NoticeKind::relayed, to, taken));
  EXPECT_EQ(facts.kind, notice::NoticeKind::relayed);
  EXPECT_EQ(facts.original_recipient, "rfc822;you@old.example");
  EXPECT_EQ(facts.host, "mx2");
  EXPECT_EQ(facts.reply, "250 ok");
  EXPECT_EQ(facts.exposure, queue::Exposure::content);
}

TEST(OwedNotices, a_delay_tells_of_the_attempts_to_come_and_of_the_end) {
  using namespace std::chrono_literals;
  const UtcTime now{std::chrono::hours(500'000)};
  OwedNotice owed{.message = message_from("me@a.example")};
  owed.next_attempts = {now + 1h, now + 5h};
  owed.give_up_at = now + 116h;
  owed.words = {delayed(waiting()), failed(waiting())};
  notice::NoticeFacts facts;
  add_facts(owed, facts);
  EXPECT_EQ(facts.recipients.at(0).next_attempts, (std::vector<UtcTime>{now + 1h, now + 5h}));
  EXPECT_EQ(facts.recipients.at(0).give_up_at, now + 116h);
  EXPECT_TRUE(facts.recipients.at(1).next_attempts.empty());
  EXPECT_FALSE(facts.recipients.at(1).give_up_at);
}

}  // namespace
}  // namespace fulmar::delivery
