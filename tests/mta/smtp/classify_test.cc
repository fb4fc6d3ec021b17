#include "mta/smtp/classify.h"

#include <gtest/gtest.h>

namespace fulmar::smtp {
namespace {

struct Case {
  std::string name;
  Stage stage;
  std::uint16_t code;
  std::optional<EnhancedStatus> enhanced;
  OthersAccepted others;
  Errc want_code;
  Retry want_retry;
  EnhancedStatus want_status;
};

TEST(Classify, one_row_per_branch) {
  using enum Stage;
  constexpr auto kNo = OthersAccepted::no;
  constexpr auto kYes = OthersAccepted::yes;
  constexpr auto kTemporary = Errc::remote_temporary;
  constexpr auto kPermanent = Errc::remote_permanent;
  constexpr auto kProtocol = Errc::remote_protocol;
  constexpr auto kHost = Retry::next_host;
  constexpr auto kNever = Retry::never;
  using Status = EnhancedStatus;
  const std::vector<Case> cases = {
      // SMTP-20, pitfall 55: what concerns the host
      {"554 greeting", greeting, 554, {}, kNo, kPermanent, kHost, {5, 3, 2}},
      {"521 greeting", greeting, 521, {}, kNo, kPermanent, kHost, {5, 3, 2}},
      {"450 greeting", greeting, 450, {}, kNo, kTemporary, kHost, {4, 3, 2}},
      {"550 to EHLO", ehlo, 550, Status{5, 7, 1}, kNo, kPermanent, kHost, {5, 7, 1}},
      {"451 to EHLO", ehlo, 451, {}, kNo, kTemporary, kHost, {4, 3, 2}},
      {"454 to STARTTLS", starttls, 454, {}, kNo, kTemporary, kHost, {4, 7, 0}},
      {"501 to STARTTLS", starttls, 501, {}, kNo, kPermanent, kHost, {5, 7, 0}},
      // SMTP-18
      {"421 greeting", greeting, 421, {}, kNo, kTemporary, kHost, {4, 3, 2}},
      {"421 to RCPT", rcpt, 421, {}, kYes, kTemporary, kHost, {4, 3, 2}},
      {"421 after the dot", final_dot, 421, Status{4, 7, 0}, kYes, kTemporary, kHost, {4, 7, 0}},
      {"450 to MAIL", mail, 450, {}, kNo, kTemporary, kHost, {4, 1, 0}},
      {"451 to RCPT", rcpt, 451, Status{4, 7, 1}, kNo, kTemporary, kHost, {4, 7, 1}},
      {"451 to DATA", data, 451, {}, kYes, kTemporary, kHost, {4, 0, 0}},
      {"451 after the dot", final_dot, 451, {}, kYes, kTemporary, kHost, {4, 0, 0}},
      {"unknown 4yz", rcpt, 499, {}, kNo, kTemporary, kHost, {4, 1, 0}},
      {"550 to MAIL", mail, 550, {}, kNo, kPermanent, kNever, {5, 1, 0}},
      {"550 to RCPT", rcpt, 550, Status{5, 1, 1}, kNo, kPermanent, kNever, {5, 1, 1}},
      {"554 to DATA", data, 554, {}, kYes, kPermanent, kNever, {5, 0, 0}},
      {"554 after the dot", final_dot, 554, Status{5, 7, 1}, kYes, kPermanent, kNever, {5, 7, 1}},
      {"unknown 5yz", rcpt, 599, {}, kNo, kPermanent, kNever, {5, 1, 0}},
      // SIZ-03
      {"552 to MAIL", mail, 552, {}, kNo, kPermanent, kNever, {5, 3, 4}},
      {"552 after the dot", final_dot, 552, {}, kYes, kPermanent, kNever, {5, 3, 4}},
      {"452 to MAIL", mail, 452, {}, kNo, kTemporary, kHost, {4, 3, 1}},
      // SMTP-19
      {"552 to the first RCPT", rcpt, 552, {}, kNo, kPermanent, kNever, {5, 2, 2}},
      {"552 to a later RCPT", rcpt, 552, {}, kYes, kTemporary, kHost, {4, 5, 3}},
      {"552 5.5.3 to a later RCPT", rcpt, 552, Status{5, 5, 3}, kYes, kTemporary, kHost, {4, 5, 3}},
      {"452 to a later RCPT", rcpt, 452, {}, kYes, kTemporary, kHost, {4, 5, 3}},
      {"552 is about recipients at RCPT only",
       final_dot,
       552,
       {},
       kYes,
       kPermanent,
       kNever,
       {5, 3, 4}},
      // out of order
      {"354 to RCPT", rcpt, 354, {}, kNo, kProtocol, kHost, {4, 5, 0}},
      {"250 to DATA", data, 250, {}, kYes, kProtocol, kHost, {4, 5, 0}},
      {"354 after the dot", final_dot, 354, {}, kYes, kProtocol, kHost, {4, 5, 0}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Error error = classify(c.stage, Reply{c.code, c.enhanced, {"words"}}, c.others);
    EXPECT_EQ(error.code, c.want_code);
    EXPECT_EQ(error.retry, c.want_retry);
    EXPECT_EQ(to_string(error.status), to_string(c.want_status));
  }
}

TEST(Classify, the_detail_names_the_stage_and_quotes_the_reply) {
  const Error error =
      classify(Stage::rcpt, Reply{550, EnhancedStatus{5, 1, 1}, {"5.1.1 no", "sorry"}});
  EXPECT_EQ(error.detail, "reply at rcpt: 550 5.1.1 no sorry");
}

TEST(Classify, SMTP_19_refused_for_the_number_of_recipients) {
  const auto is = [](Stage stage, std::uint16_t code, std::optional<EnhancedStatus> enhanced,
                     OthersAccepted others = OthersAccepted::yes) {
    return is_for_number(stage, Reply{code, enhanced, {"words"}}, others);
  };
  EXPECT_TRUE(is(Stage::rcpt, 452, {}));
  EXPECT_TRUE(is(Stage::rcpt, 552, {}));
  EXPECT_TRUE(is(Stage::rcpt, 452, EnhancedStatus{4, 5, 3}));
  EXPECT_TRUE(is(Stage::rcpt, 452, EnhancedStatus{4, 3, 1}));
  EXPECT_FALSE(is(Stage::rcpt, 452, EnhancedStatus{4, 2, 2})) << "the mailbox is full";
  EXPECT_FALSE(is(Stage::rcpt, 552, EnhancedStatus{5, 1, 1}));
  EXPECT_FALSE(is(Stage::rcpt, 451, {}));
  EXPECT_FALSE(is(Stage::rcpt, 452, {}, OthersAccepted::no));
  EXPECT_FALSE(is(Stage::final_dot, 452, {}));
}

TEST(Classify, pitfall_74_the_detail_is_bounded) {
  const Error error = classify(Stage::rcpt, Reply{550, {}, {std::string(4000, 'x')}});
  EXPECT_LT(error.detail.size(), 600U);
}

}  // namespace
}  // namespace fulmar::smtp
