#include "mta/delivery/owed_notice_codec.h"

#include <gtest/gtest.h>

namespace fulmar::delivery {
namespace {

using namespace std::chrono_literals;
using notice::NoticeKind;

const UtcTime kNow{std::chrono::hours(500'000)};

OwedNotice sample() {
  OwedNotice owed;
  owed.message.id = MessageId::from_bytes({1, 2, 3});
  owed.message.sender = Mailbox::parse("me@a.example").value();
  owed.message.arrived = kNow - 4h;
  owed.message.header = "Subject: figures\r\n";
  owed.delivery.message = owed.message.id;
  owed.delivery.destination = Domain::parse("b.example").value();
  owed.delivery.arrived = kNow - 4h;
  owed.delivery.next_attempt = kNow + 1h;
  owed.delivery.attempts = 3;
  owed.delivery.history = {{.at = kNow - 1min, .decision = R"({"domain":"b.example"})"}};
  for (const NoticeKind kind :
       {NoticeKind::failed, NoticeKind::delayed, NoticeKind::cleared, NoticeKind::relayed}) {
    owed.words.push_back(
        {.kind = kind,
         .recipient = {.address = Mailbox::parse("you@b.example").value(),
                       .original_recipient = "rfc822;you@old.example",
                       .last_failure = make_error(Errc::dane_mismatch, "no record matches"),
                       .failing_since = kNow - 3h,
                       .last_host = "mx1.b.example[192.0.2.7]:25",
                       .last_reply = "450 no",
                       .exposure = queue::Exposure::envelope,
                       .given = {.latest = queue::Given::content,
                                 .before = queue::Given::in_doubt}},
         .expired = kind == NoticeKind::failed});
  }
  owed.held = true;
  owed.give_up_at = kNow + 100h;
  owed.next_attempts = {kNow + 1h, kNow + 2h};
  owed.content = "Subject: figures\r\n\r\nhello\r\n";
  return owed;
}

TEST(OwedNoticeCodec, comes_back_as_it_was) {
  OwedNotice owed = sample();
  auto back = decode_owed_notice(encode(owed));
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  back->delivery.recipients.clear();
  EXPECT_EQ(*back, owed);
}

TEST(OwedNoticeCodec, keeps_the_last_attempt_alone) {
  OwedNotice owed = sample();
  owed.delivery.history.insert(owed.delivery.history.begin(), {.at = kNow - 1h, .decision = "{}"});
  const auto back = decode_owed_notice(encode(owed));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->delivery.history, sample().delivery.history);
}

TEST(OwedNoticeCodec, every_cut_and_every_octet_too_many_is_corrupt) {
  const std::string bytes = encode(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto cut = decode_owed_notice(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(cut.has_value()) << length;
    EXPECT_EQ(cut.error().code, Errc::corrupt) << length;
  }
  EXPECT_EQ(decode_owed_notice(bytes + '\0').error().code, Errc::corrupt);
}

TEST(OwedNoticeCodec, refuses_what_nobody_can_be_told) {
  OwedNotice owed = sample();
  owed.message.sender.reset();
  EXPECT_EQ(decode_owed_notice(encode(owed)).error().code, Errc::corrupt);
  owed = sample();
  owed.content = std::string(notice::kMaxReturned + 1, 'x');
  EXPECT_EQ(decode_owed_notice(encode(owed)).error().code, Errc::corrupt);
}

TEST(OwedNoticeCodec, a_later_version_is_told_from_garbage) {
  std::string bytes = encode(sample());
  ++bytes[1];
  EXPECT_EQ(decode_owed_notice(bytes).error().code, Errc::newer_version);
}

}  // namespace
}  // namespace fulmar::delivery
