// What submission does to a header section: one row per rule, and every cut.
#include "mta/smtp/submission_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/ascii.h"

namespace fulmar::smtp {
namespace {

using ::testing::StartsWith;

const std::string kOurDate = "Date: Sat, 21 Nov 2026 23:09:00 +0000\r\n";
const std::string kOurId = "Message-ID: <new@relay.example>\r\n";
const std::string kAdded = kOurDate + kOurId;

struct Submitted {
  std::string out;
  std::string refusal;  ///< "554 5.6.0 no From field"; empty when it is taken.
  std::string from;     ///< "a@b.example c@d.example"
  friend bool operator==(const Submitted&, const Submitted&) = default;
};

/// In pieces of that many octets, the first of which may differ.
Submitted submit(std::string_view message, std::size_t first, std::size_t piece) {
  SubmissionHeader header(
      {.date = "Sat, 21 Nov 2026 23:09:00 +0000", .message_id = "<new@relay.example>"});
  Submitted result;
  header.add(message.substr(0, first), result.out);
  for (std::size_t i = first; i < message.size(); i += piece)
    header.add(message.substr(i, piece), result.out);
  header.finish(result.out);
  if (const auto& refusal = header.refusal()) {
    EXPECT_EQ(refusal->why.retry, Retry::never);
    EXPECT_EQ(refusal->why.code, refusal->code == 554 ? Errc::syntax : Errc::limit);
    result.refusal = std::to_string(refusal->code) + ' ' + to_string(refusal->why.status) + ' ' +
                     refusal->why.detail;
  }
  for (const Mailbox& each : header.originators())
    result.from += (result.from.empty() ? "" : " ") + each.ascii_domain_form();
  return result;
}

/// Whatever the cut, which every test of this file thereby shows.
Submitted submit(std::string_view message) {
  const Submitted whole = submit(message, message.size(), 1);
  EXPECT_EQ(submit(message, 0, 1), whole) << message.substr(0, 200);
  for (std::size_t cut = 0; cut <= std::min<std::size_t>(message.size(), 2000); ++cut)
    EXPECT_EQ(submit(message, cut, message.size() + 1), whole) << cut;
  EXPECT_TRUE(whole.refusal.empty() || whole.out.empty());
  return whole;
}

struct Case {
  std::string_view name;
  std::string message;
  std::string want;
};

TEST(SubmissionHeader, SUB_04_IMF_01_what_is_missing_is_added_at_the_end) {
  const std::string date = "Date: Fri, 20 Nov 2026 08:00:00 +0100\r\n";
  const std::string id = "Message-ID: <1@a.example>\r\n";
  const std::string from = "From: ann@a.example\r\n";
  const Case cases[] = {
      {"both", from + "\r\nhello\r\n", from + kAdded + "\r\nhello\r\n"},
      {"nothing", date + from + id + "\r\nhello\r\n", date + from + id + "\r\nhello\r\n"},
      {"Date", from + id + "\r\nhello\r\n", from + id + kOurDate + "\r\nhello\r\n"},
      {"Message-ID", from + date + "\r\nhello\r\n", from + date + kOurId + "\r\nhello\r\n"},
      {"names in any case, white space before the colon",
       "DATE : x\r\nfrom:a@b.example\r\n"
       "message-id\t: <1@a.example>\r\n\r\n",
       "DATE : x\r\nfrom:a@b.example\r\n"
       "message-id\t: <1@a.example>\r\n\r\n"},
      {"no body", from + "\r\n", from + kAdded + "\r\n"},
      {"no empty line", from, from + kAdded},
      {"no empty line, nothing missing", date + from + id, date + from + id},
      {"no end of the last line (RFC 3030)", "From: ann@a.example",
       "From: ann@a.example\r\n" + kAdded},
      {"no end of the last line, nothing missing", date + id + "From: ann@a.example",
       date + id + "From: ann@a.example"},
      {"the body is no header section", from + "\r\nDate: x\r\nBcc: y\r\n\r\nTo: z\r\n",
       from + kAdded + "\r\nDate: x\r\nBcc: y\r\n\r\nTo: z\r\n"},
      {"a malformed Date is the client's", "Date: soon\r\n" + from + id + "\r\n",
       "Date: soon\r\n" + from + id + "\r\n"},
  };
  for (const Case& each : cases) {
    const Submitted got = submit(each.message);
    EXPECT_EQ(got.out, each.want) << each.name;
    EXPECT_EQ(got.refusal, "") << each.name;
  }
}

TEST(SubmissionHeader, SUB_04_a_message_id_that_is_none_is_replaced) {
  const std::string rest = "From: ann@a.example\r\n" + kOurDate;
  const std::string_view kept[] = {
      "<1@a.example>",         "  <1@a.example>\t",     "\r\n <1@a.example>",
      "<1@[192.0.2.1]>",       "<1@localhost>",         "<a=b?c/1+2@a_b>",
      "<1@b\xC3\xBC.example>", "(x) <1@a.example> (y)", "<1@@x>",
  };
  for (const std::string_view id : kept) {
    const std::string message = "Message-ID:" + std::string(id) + "\r\n" + rest + "\r\n";
    EXPECT_EQ(submit(message).out, message) << id;
  }
  const std::string_view replaced[] = {
      "",
      " ",
      " 1@a.example",
      " <1>",
      " <@a.example>",
      " <1@>",
      " <1@a.example",
      " <<1@a.example>>",
      " <1 @a.example>",
      " <1@a\r\n .example>",
      " <1@a.example> <2@a.example>",
      " <1@a.example> x",
      " x <1@a.example>",
  };
  for (const std::string_view id : replaced) {
    const std::string message = "Message-ID:" + std::string(id) + "\r\n" + rest + "\r\n";
    EXPECT_EQ(submit(message).out, rest + kOurId + "\r\n") << id;
  }
}

TEST(SubmissionHeader, IMF_03_blind_copies_and_return_paths_go_with_all_their_lines) {
  const std::string from = "From: ann@a.example\r\n";
  const std::string_view gone[] = {
      "Bcc: bob@b.example\r\n",
      "bcc : bob@b.example\r\n",
      "BCC:\r\n",
      "Bcc: bob@b.example,\r\n\tcy@c.example,\r\n di@d.example\r\n",
      "Bcc:\r\n \r\n\tbob@b.example\r\n",
      "Bcc: bob@b.example\r\nBcc: cy@c.example\r\n",
      "Resent-Bcc: bob@b.example\r\n cy@c.example\r\n",
      "Return-Path: <bob@b.example>\r\n",
  };
  for (const std::string_view field : gone) {
    const std::string text(field);
    EXPECT_EQ(submit(text + from + "\r\nx").out, from + kAdded + "\r\nx") << field;
    EXPECT_EQ(submit(from + text + "\r\nx").out, from + kAdded + "\r\nx") << field;
    EXPECT_EQ(submit(from + text + "To: x\r\n\r\n").out, from + "To: x\r\n" + kAdded + "\r\n")
        << field;
    EXPECT_EQ(submit(from + text).out, from + kAdded) << field;
  }
  const std::string others = from + "Bccc: x\r\nX-Bcc: y\r\nSubject: Bcc: z\r\n Bcc: z\r\n";
  EXPECT_EQ(submit(others + "\r\n").out, others + kAdded + "\r\n");
}

TEST(SubmissionHeader, everything_else_stays_octet_for_octet) {
  const std::string section =
      "Received: from x\r\n\tby y;\r\n z\r\nX-Odd!#$: \xFF\x01 \r\nFrom:  Ann\r\n <ann@a.example>  "
      "\r\nX-Empty:\r\nX-White: a\r\n \t\r\nDKIM-Signature: v=1; b=\r\n\tabc\r\nTo: nonsense\r\n";
  const std::string body = std::string("\r\n\0\xFF\n\r.\r\n", 9) + std::string(5000, 'x');
  EXPECT_EQ(submit(section + "\r\n" + body).out, section + kAdded + "\r\n" + body);
}

TEST(SubmissionHeader, IMF_01_refusals) {
  const std::string from = "From: ann@a.example\r\n";
  const Case cases[] = {
      {"empty message", "", "no From field"},
      {"no header section", "\r\nFrom: ann@a.example\r\n", "no From field"},
      {"no From", "To: ann@a.example\r\n\r\n", "no From field"},
      {"all body", "Hello Ann,\r\n\r\nFrom: x\r\n", "no header section, hence no From field"},
      {"a continuation of nothing", " From: ann@a.example\r\n\r\n",
       "no header section, hence no From field"},
      {"the first line of an mbox", "From ann@a.example Sat Nov 21 23:09:00 2026\r\n" + from,
       "no header section, hence no From field"},
      {"From without address", "From: nobody:;\r\n\r\n", "no address in From field"},
      {"empty From", "From:\r\n\r\n", "malformed From field"},
      {"malformed From", "From: Ann <ann@a.example\r\n\r\n", "malformed From field"},
      {"malformed continuation", "From: ann@a.example\r\n bob@b.example\r\n\r\n",
       "malformed From field"},
      {"several originators", "From: ann@a.example, bob@b.example\r\n\r\n",
       "several addresses in From and no Sender field"},
      {"several originators in a group", "From: Us: ann@a.example, bob@b.example;\r\n\r\n",
       "several addresses in From and no Sender field"},
      {"malformed Sender", from + "Sender: Ann\r\n\r\n", "malformed Sender field"},
      {"two senders in one field", from + "Sender: ann@a.example, bob@b.example\r\n\r\n",
       "Sender field is not one address"},
      {"nobody as Sender", from + "Sender: nobody:;\r\n\r\n", "Sender field is not one address"},
      {"a line that is no field", from + "and so on\r\n\r\n", "malformed line in header section"},
      {"space in a name", from + "Two words: x\r\n\r\n", "malformed line in header section"},
      {"no name", from + ": x\r\n\r\n", "malformed line in header section"},
      {"name beyond ASCII", from + "B\xC3\xBC: x\r\n\r\n", "malformed line in header section"},
      {"bare LF", from + "A: b\nBcc: x\r\n\r\n", "malformed line in header section"},
      {"bare CR", from + "A: b\rBcc: x\r\n\r\n", "malformed line in header section"},
      {"bare LF where the section could end", from + "A: b\n\nBcc: x\r\n\r\n",
       "malformed line in header section"},
      {"CR at the end of all", from + "\r", "malformed line in header section"},
      {"the last line is no field", from + "and so on", "malformed line in header section"},
  };
  for (const Case& each : cases)
    EXPECT_EQ(submit(each.message).refusal, "554 5.6.0 " + each.want) << each.name;
}

TEST(SubmissionHeader, IMF_01_fields_that_may_stand_once) {
  const std::string_view once[] = {"Sender",  "Reply-To", "To",          "Cc",
                                   "Subject", "Date",     "In-Reply-To", "References"};
  const std::string from = "From: ann@a.example\r\n";
  for (const std::string_view each : once) {
    const std::string name(each);
    const std::string field = name + ": bob@b.example\r\n";
    EXPECT_EQ(submit(from + field + "\r\n").refusal, "") << name;
    const std::string want = "554 5.6.0 more than one " + name + " field";
    EXPECT_EQ(submit(from + field + "X: y\r\n" + field + "\r\n").refusal, want) << name;
    EXPECT_EQ(submit(from + field + to_lower(name) + " :\r\n").refusal, want) << name;
  }
  EXPECT_EQ(submit(from + from + "\r\n").refusal, "554 5.6.0 more than one From field");
  EXPECT_EQ(submit(from + "Message-ID: <1@a.example>\r\nMessage-ID: x\r\n\r\n").refusal,
            "554 5.6.0 more than one Message-ID field");
  EXPECT_EQ(submit(from + "Message-ID: x\r\nMessage-ID: <1@a.example>\r\n\r\n").refusal,
            "554 5.6.0 more than one Message-ID field");
  const std::string often = from + "Received: x\r\nReceived: y\r\nComments: a\r\nComments: b\r\n";
  EXPECT_EQ(submit(often + "\r\n").out, often + kAdded + "\r\n");
}

TEST(SubmissionHeader, who_it_claims_to_be_from) {
  const Case cases[] = {
      {"one author", "From: Ann <ann@a.example>\r\n\r\n", "ann@a.example"},
      {"a sender besides", "From: ann@a.example\r\nSender: bob@b.example\r\n\r\n",
       "ann@a.example bob@b.example"},
      {"the sender first", "Sender: bob@b.example\r\nFrom: ann@a.example\r\n\r\n",
       "bob@b.example ann@a.example"},
      {"several originators", "From: ann@a.example, bob@b.example\r\nSender: cy@c.example\r\n\r\n",
       "ann@a.example bob@b.example cy@c.example"},
      {"IDN and UTF-8",
       "From: j\xC3\xBCrgen@b\xC3\xBC"
       "cher.example\r\n\r\n",
       "j\xC3\xBCrgen@xn--bcher-kva.example"},
      {"nobody else",
       "From: ann@a.example\r\nReply-To: x@x.example\r\nTo: y@y.example\r\n"
       "Resent-From: z@z.example\r\n\r\nFrom: bob@b.example\r\n",
       "ann@a.example"},
  };
  for (const Case& each : cases) {
    const Submitted got = submit(each.message);
    EXPECT_EQ(got.from, each.want) << each.name;
    EXPECT_EQ(got.refusal, "") << each.name;
  }
}

TEST(SubmissionHeader, IMF_02_lines_over_998_octets) {
  const std::string from = "From: ann@a.example\r\n";
  const std::string longest = "Subject: " + std::string(998 - 9, 'x') + "\r\n";
  const std::string fold = " " + std::string(997, 'x') + "\r\n";
  EXPECT_EQ(submit(from + longest + fold + "\r\n").refusal, "");
  EXPECT_EQ(submit(from + longest.substr(0, 998)).refusal, "");
  const std::string want = "550 5.6.0 line over 998 octets in header section";
  EXPECT_EQ(submit(from + "x" + longest + "\r\n").refusal, want);
  EXPECT_EQ(submit(from + "x" + longest.substr(0, 998)).refusal, want);
  EXPECT_EQ(submit(from + longest + "x" + fold).refusal, want);
  EXPECT_EQ(submit(std::string(5000, 'x')).refusal, want);
  EXPECT_EQ(submit(from + "Bcc: " + std::string(1000, 'x') + "\r\n\r\n").refusal, want);
  EXPECT_EQ(submit(from + "\r\n" + std::string(1200, 'x') + "\r\n").refusal, "")
      << "lines of the body are judged elsewhere";
}

TEST(SubmissionHeader, EAI_05_998_octets_and_not_998_letters) {
  const std::string from = "From: ann@a.example\r\n";
  std::string letters;  // two octets each
  for (int i = 0; i < 494; ++i)
    letters += "\u00e4";
  EXPECT_EQ(submit(from + "Subject: " + letters + "x\r\n\r\n").refusal, "");
  EXPECT_EQ(submit(from + "Subject: " + letters + "xx\r\n\r\n").refusal,
            "550 5.6.0 line over 998 octets in header section");
}

TEST(SubmissionHeader, the_section_is_bounded) {
  const std::string from = "From: ann@a.example\r\n";
  std::string section = from;
  while (section.size() + 1000 + 2 <= SubmissionHeader::kMaxOctets)
    section += "X: " + std::string(995, 'x') + "\r\n";
  const std::size_t room = SubmissionHeader::kMaxOctets - section.size() - 2;
  section += "X: " + std::string(room - 5, 'x') + "\r\n";
  ASSERT_EQ(section.size() + 2, SubmissionHeader::kMaxOctets);
  EXPECT_EQ(submit(section + "\r\nhello\r\n", 1000, 4096).out, section + kAdded + "\r\nhello\r\n");
  const std::string want = "552 5.3.4 header section over 256 KB";
  EXPECT_EQ(submit("x" + section + "\r\nhello\r\n", 1000, 4096).refusal, want);
  EXPECT_EQ(submit("x" + section + "\r\nhello\r\n", 7, 1).refusal, want);
}

TEST(SubmissionHeader, a_refusal_is_known_before_the_message_is_over) {
  SubmissionHeader header({.date = "x", .message_id = "<x@y>"});
  std::string out;
  header.add("From: ann@a.example\r\nand so on", out);
  EXPECT_FALSE(header.refusal());
  header.add("\r\n", out);
  ASSERT_TRUE(header.refusal());
  EXPECT_THAT(header.refusal()->why.detail, StartsWith("malformed line"));
}

}  // namespace
}  // namespace fulmar::smtp
