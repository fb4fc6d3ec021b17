#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "base/ascii.h"
#include "mta/notice/human_text.h"
#include "mta/notice/mime.h"
#include "mta/notice/notice.h"
#include "mta/notice/samples.h"
#include "tests/mta/notice/sample_facts.h"

namespace fulmar::notice {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::size_t count(std::string_view text, std::string_view wanted) {
  std::size_t found = 0;
  for (auto at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1))
    ++found;
  return found;
}

TEST(Notice, DSN_09_goes_from_the_postmaster_to_the_envelope_sender) {
  const std::string header = header_of_notice(compose(sample_facts()));
  EXPECT_THAT(header, HasSubstr("From: Mail Delivery System <postmaster@example.com>\r\n"));
  EXPECT_THAT(header, HasSubstr("To: <alice@a.example>\r\n"));
}

TEST(Notice, DSN_10_is_a_report_of_three_parts) {
  const std::string notice = compose(sample_facts());
  EXPECT_THAT(header_of_notice(notice),
              HasSubstr("multipart/report; report-type=delivery-status;"));
  EXPECT_LT(notice.find("Content-Type: text/plain; charset=utf-8"),
            notice.find("Content-Type: text/html; charset=utf-8"));
  EXPECT_LT(notice.find("Content-Type: text/html; charset=utf-8"),
            notice.find("Content-Type: message/delivery-status"));
  EXPECT_LT(notice.find("Content-Type: message/delivery-status"),
            notice.find("Content-Type: text/rfc822-headers"));
  EXPECT_THAT(notice, EndsWith("--\r\n"));
}

TEST(Notice, pitfall_105_its_language_is_told_to_programs) {
  const std::string notice = compose(sample_facts(), "de");
  EXPECT_THAT(header_of_notice(notice), HasSubstr("\r\nContent-Language: de\r\n"));
  EXPECT_THAT(header_of_notice(notice),
              HasSubstr("\r\nSubject: Nicht zugestellt: Ihre Nachricht "));
  EXPECT_THAT(decoded(part_of(notice, "text/html")), HasSubstr("\r\n<html lang=\"de\">\r\n"));
}

TEST(Notice, the_end_of_a_delay_says_who_took_it_over_and_when) {
  const std::string notice = compose(sample_facts(NoticeKind::cleared));
  EXPECT_THAT(header_of_notice(notice),
              HasSubstr("Subject: Delay over: your message to bob@b.example\r\n"));
  const auto lines = first_lines(notice, 5);
  EXPECT_THAT(lines[0], HasSubstr("the delay that we told you of is over."));
  EXPECT_EQ(lines[1],
            "The server mx1.b.example took it over from us on 21 November 2026, 08:14 UTC.");
  EXPECT_EQ(lines[3], "Nothing is left to do, neither for you nor for us.");
}

TEST(Notice, DSN_11_full_content_comes_back_when_asked_for) {
  NoticeFacts facts = sample_facts();
  facts.original_content = "Subject: x\r\n\r\nthe body\r\n";
  const std::string part = part_of(compose(facts), "message/rfc822");
  EXPECT_THAT(part,
              EndsWith("Content-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\n\r\nthe body\r\n"));
}

TEST(Notice, DSN_11_content_that_is_not_seven_bit_comes_back_as_header_fields) {
  NoticeFacts facts = sample_facts();
  for (const std::string& body : {std::string("8-bit \xE9\r\n"), std::string(999, 'x'),
                                  std::string("bare\nline feed"), std::string("nul \0", 5)}) {
    facts.original_content = "Subject: x\r\n\r\n" + body;
    const std::string notice = compose(facts);
    EXPECT_EQ(part_of(notice, "message/rfc822"), "");
    EXPECT_NE(part_of(notice, "text/rfc822-headers"), "");
  }
}

TEST(Notice, DSN_12_and_13_delivery_status_fields) {
  const std::string part = part_of(
      compose(sample_facts(NoticeKind::failed, Errc::remote_permanent)), "message/delivery-status");
  EXPECT_THAT(part, HasSubstr("Reporting-MTA: dns; relay.example.com\r\n"));
  EXPECT_THAT(part, HasSubstr("Arrival-Date: Fri, 20 Nov 2026 08:15:00 +0000\r\n"));
  EXPECT_THAT(
      part,
      HasSubstr(
          "\r\n\r\nFinal-Recipient: rfc822; bob@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
          "Remote-MTA: dns; mx1.b.example\r\n"));
  EXPECT_THAT(part, HasSubstr("Last-Attempt-Date: Sat, 21 Nov 2026 08:14:00 +0000\r\n"));
}

TEST(Notice, DSN_12_the_envelope_id_comes_back_decoded_where_there_was_one) {
  struct Case {
    std::string envelope_id;
    std::string want;
  };
  for (const Case& c : {
           Case{"QQ314159", "QQ314159"},
           Case{"qQ+2BX+3DY", "qQ+X=Y"},
           Case{"two+20words", "two words"},
           Case{"a+0D+0AAction:+20delivered", "a??Action: delivered"},
           Case{"a+00b+1B", "a?b?"},
           Case{"+C3+BC", "??"},
           Case{"+FF", "?"},
           Case{"+20", ""},
       }) {
    NoticeFacts facts = sample_facts();
    facts.original.envelope_id = c.envelope_id;
    const std::string part = part_of(compose(facts), "message/delivery-status");
    EXPECT_THAT(part, HasSubstr("\r\n\r\nOriginal-Envelope-Id: " + c.want +
                                "\r\nReporting-MTA: dns; relay.example.com\r\n"));
  }
  EXPECT_THAT(compose(sample_facts()), Not(HasSubstr("Original-Envelope-Id")));
}

TEST(Notice, DSN_13_pitfall_78_the_original_recipient_comes_back_decoded_where_there_was_one) {
  struct Case {
    std::string original;
    std::string want;
    bool global = false;
  };
  for (const Case& c : {
           Case{"rfc822;bob@old.example", "rfc822; bob@old.example"},
           Case{"RFC822;a+2Bb+3Dc@x", "RFC822; a+b=c@x"},
           Case{"x400;/C+3Dde/G+3DBob/", "x400; /C=de/G=Bob/"},
           Case{"rfc822;+22two+20words+22@x", "rfc822; \"two words\"@x"},
           Case{"rfc822;a+0D+0AAction:+20delivered", "rfc822; a??Action: delivered"},
           Case{"rfc822;j+FCrgen@x", "rfc822; j?rgen@x"},
           Case{"x400;j+C3+BCrgen", "x400; j??rgen"},
           Case{"rfc822;j+C3+BCrgen+2Ba@x", "utf-8; j\\x{FC}rgen\\x{2B}a@x", true},
           Case{"utf-8;j\\x{FC}rgen@x", "utf-8; j\\x{FC}rgen@x", true},
           Case{"UTF-8;j\xC3\xBCrgen@x", "utf-8; j\\x{FC}rgen@x", true},
       }) {
    NoticeFacts facts = sample_facts();
    facts.recipients[0].original_recipient = c.original;
    const std::string notice = compose(facts);
    EXPECT_TRUE(is_ascii(notice));
    EXPECT_THAT(
        part_of(notice, c.global ? "message/global-delivery-status" : "message/delivery-status"),
        HasSubstr("\r\n\r\nOriginal-Recipient: " + c.want +
                  "\r\nFinal-Recipient: rfc822; bob@b.example\r\n"));
  }
  EXPECT_THAT(compose(sample_facts()), Not(HasSubstr("Original-Recipient")));
}

TEST(Notice, DSN_05_relayed_says_who_took_it_over_and_that_this_may_be_all) {
  const std::string notice = compose(sample_facts(NoticeKind::relayed));
  EXPECT_THAT(header_of_notice(notice),
              HasSubstr("Subject: Handed over: your message to bob@b.example\r\n"));
  EXPECT_THAT(part_of(notice, "message/delivery-status"),
              HasSubstr("Action: relayed\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mx1.b.example\r\n"
                        "Diagnostic-Code: smtp; 250 2.0.0 queued as 4711\r\n"));
  EXPECT_THAT(notice, Not(HasSubstr("Will-Retry-Until")));
  EXPECT_THAT(notice, Not(HasSubstr("Cause:")));
  const auto lines = first_lines(notice, 5);
  EXPECT_EQ(lines[0],
            "Your message to bob@b.example was handed over to the next server on its way.");
  EXPECT_THAT(lines[1], StartsWith("The server mx1.b.example has taken it over"));
  EXPECT_THAT(lines[2], StartsWith("The message was sent, encrypted"));
  EXPECT_THAT(lines[3], StartsWith("That server does not promise to tell more"));
  EXPECT_THAT(lines[4], HasSubstr("the operator of b.example"));
}

TEST(Notice, DSN_05_relayed_names_each_server_and_claims_no_more_protection_than_there_was) {
  NoticeFacts facts = sample_facts(NoticeKind::relayed);
  for (const char* host : {"[192.0.2.8]:25", "mx1.b.example[192.0.2.7]:25"}) {
    facts.recipients.push_back(facts.recipients[0]);
    facts.recipients.back().host = host;
  }
  std::string text = decoded(part_of(compose(facts), "text/plain"));
  EXPECT_EQ(count(text, "Your message to "), 2U);
  EXPECT_THAT(text, HasSubstr("The server [192.0.2.8] has taken it over"));
  for (const auto exposure : {queue::Exposure::envelope, queue::Exposure::content}) {
    facts.recipients[0].exposure = exposure;
    EXPECT_EQ(count(decoded(part_of(compose(facts), "text/plain")), "Your message to "), 3U);
    EXPECT_THAT(first_lines(compose(facts), 3)[2],
                Not(HasSubstr("encrypted on its way to that server.")));
  }
}

TEST(Notice, DSN_05_relayed_by_way_of_the_operators_relay_sends_to_its_operator) {
  NoticeFacts facts = sample_facts(NoticeKind::relayed);
  facts.recipients[0].relay = "smart.example";
  EXPECT_THAT(first_lines(compose(facts), 5)[4], HasSubstr("the operator of smart.example"));
}

TEST(Notice, DSN_14_our_own_decision_names_no_other_server) {
  for (const Errc code : classes_that_reach_a_sender()) {
    NoticeFacts facts = sample_facts(NoticeKind::failed, code);
    if (!facts.recipients[0].reply.empty()) continue;
    facts.recipients[0].host = "mx1.b.example[192.0.2.7]:25";
    const std::string part = part_of(compose(facts), "message/delivery-status");
    EXPECT_THAT(part, Not(HasSubstr("Remote-MTA"))) << to_string(code);
    EXPECT_THAT(part, Not(HasSubstr("smtp;"))) << to_string(code);
    EXPECT_THAT(part, HasSubstr("Diagnostic-Code: x-fulmar; ")) << to_string(code);
  }
}

TEST(Notice, DSN_15_only_a_delay_says_until_when) {
  const auto part = [](NoticeKind kind) {
    NoticeFacts facts = sample_facts(kind);
    facts.recipients[0].give_up_at = facts.now;
    return part_of(compose(facts), "message/delivery-status");
  };
  EXPECT_THAT(part(NoticeKind::delayed), HasSubstr("Action: delayed\r\nStatus: 4.7.5\r\n"));
  EXPECT_THAT(part(NoticeKind::delayed),
              HasSubstr("Will-Retry-Until: Sat, 21 Nov 2026 08:15:00 +0000\r\n"));
  EXPECT_THAT(part(NoticeKind::failed), HasSubstr("Action: failed\r\nStatus: 5.7.5\r\n"));
  EXPECT_THAT(part(NoticeKind::failed), Not(HasSubstr("Will-Retry-Until")));
}

TEST(Notice, DSN_15_a_delay_never_carries_a_permanent_status) {
  const std::string notice = compose(sample_facts(NoticeKind::delayed, Errc::address_refused));
  EXPECT_THAT(notice, HasSubstr("\r\nStatus: 4.4.6\r\n"));
}

TEST(Notice, DSN_16_pitfall_107_one_group_for_each_recipient_it_is_about) {
  NoticeFacts facts = sample_facts();
  facts.recipients.push_back(recipient(NoticeKind::failed, Errc::remote_permanent));
  facts.recipients[1].address = mailbox("carol@b.example");
  const std::string part = part_of(compose(facts), "message/delivery-status");
  EXPECT_EQ(count(part, "\r\n\r\nFinal-Recipient: "), 2U);
  EXPECT_EQ(count(part, "Action: "), 2U);
}

TEST(Notice, DSN_18_is_an_automatic_reply) {
  const std::string header = header_of_notice(compose(sample_facts()));
  EXPECT_THAT(header, HasSubstr("Auto-Submitted: auto-replied\r\n"));
}

TEST(Notice, REQ_12_carries_TLS_Required_No_for_a_message_that_does) {
  NoticeFacts facts = sample_facts();
  EXPECT_THAT(header_of_notice(compose(facts)), Not(HasSubstr("TLS-Required")));
  facts.original.tls_optional = true;
  EXPECT_EQ(count(header_of_notice(compose(facts)), "\r\nTLS-Required: No\r\n"), 1U);
}

TEST(Notice, names_who_can_lift_a_demand) {
  for (const Errc code :
       {Errc::dane_required, Errc::sts_required, Errc::rule_certificate, Errc::rule_no_tls}) {
    const auto lines = first_lines(compose(sample_facts(NoticeKind::delayed, code)), 5);
    EXPECT_THAT(lines[2], HasSubstr("our operator demands")) << to_string(code);
    EXPECT_THAT(lines[4], HasSubstr("ur operator (postmaster@example.com)")) << to_string(code);
    EXPECT_THAT(lines[4], HasSubstr("he operator of b.example")) << to_string(code);
  }
  for (const Errc code : {Errc::requiretls_unsupported, Errc::requiretls_unmet}) {
    const auto lines = first_lines(compose(sample_facts(NoticeKind::failed, code)), 5);
    EXPECT_THAT(
        lines[1],
        StartsWith("You asked that this message be delivered only under proven protection"));
    EXPECT_THAT(lines[4], HasSubstr("The operator of b.example can mend this")) << to_string(code);
    EXPECT_THAT(lines[4], HasSubstr("you by sending without that demand")) << to_string(code);
  }
}

TEST(Notice, pitfall_106_every_line_of_a_reply_is_kept_word_for_word) {
  const std::string part = part_of(
      compose(sample_facts(NoticeKind::failed, Errc::remote_permanent)), "message/delivery-status");
  EXPECT_THAT(part,
              HasSubstr("Diagnostic-Code: smtp; 550-5.1.1 <bob@b.example>: recipient rejected\r\n"
                        " 550-5.1.1 there is nobody\r\n 550 5.1.1 of that name\r\n"));
}

TEST(Notice, pitfall_108_refers_to_the_original_only_by_a_sane_message_id) {
  struct Case {
    std::string field;
    std::string want;
  };
  for (const Case& each :
       {Case{"Message-ID: <a@b>", "<a@b>"}, Case{"message-id:\r\n <a@b>", "<a@b>"},
        Case{"Message-ID: <<a@b>>", ""}, Case{"Message-ID: a@b", ""}, Case{"Message-ID: <ab>", ""},
        Case{"Message-ID: <a@b> <c@d>", ""},
        Case{"Message-ID: <" + std::string(300, 'a') + "@b>", ""},
        Case{"Message-ID: <a\x1b@b>", ""}, Case{"Subject: none", ""}}) {
    NoticeFacts facts = sample_facts();
    facts.original.header = each.field + "\r\n";
    const std::string header = header_of_notice(compose(facts));
    if (each.want.empty()) {
      EXPECT_THAT(header, Not(HasSubstr("References"))) << each.field;
    } else {
      EXPECT_THAT(header,
                  HasSubstr("In-Reply-To: " + each.want + "\r\nReferences: " + each.want + "\r\n"));
    }
  }
}

TEST(Notice, pitfall_108_one_message_id_of_its_own_and_one_date) {
  const std::string header = header_of_notice(compose(sample_facts()));
  EXPECT_EQ(count(header, "Message-ID: <"), 1U);
  EXPECT_THAT(header, HasSubstr("@relay.example.com>\r\n"));
  EXPECT_THAT(header, HasSubstr("Date: Sat, 21 Nov 2026 08:15:00 +0000\r\n"));
}

TEST(Notice, EAI_04_an_address_that_is_not_ascii_travels_encoded) {
  NoticeFacts facts = sample_facts();
  facts.recipients[0].address = mailbox("j\xC3\xBCrgen+x@b.example");
  const std::string notice = compose(facts);
  EXPECT_TRUE(is_ascii(notice));
  EXPECT_THAT(part_of(notice, "message/global-delivery-status"),
              HasSubstr("Final-Recipient: utf-8; j\\x{FC}rgen\\x{2B}x@b.example\r\n"));
  EXPECT_THAT(part_of(notice, "text/plain"),
              HasSubstr("j=C3=BCrgen+x@b.example was not delivered."));
}

TEST(Notice, EAI_04_a_domain_that_is_not_ascii_becomes_an_a_label_where_programs_read) {
  NoticeFacts facts = sample_facts();
  facts.recipients[0].address = mailbox("bob@m\xC3\xBCnchen.example");
  const std::string notice = compose(facts);
  EXPECT_THAT(part_of(notice, "message/delivery-status"),
              HasSubstr("rfc822; bob@xn--mnchen-3ya.example\r\n"));
  EXPECT_THAT(part_of(notice, "text/plain"), HasSubstr("bob@m=C3=BCnchen.example"));
}

TEST(Notice, EAI_04_original_header_fields_in_utf8) {
  NoticeFacts facts = sample_facts();
  facts.original.header =
      "Subject: Gr\xC3\xBC\xC3\x9F"
      "e\r\n";
  EXPECT_THAT(part_of(compose(facts), "message/global-headers"),
              EndsWith("Subject: Gr=C3=BC=C3=9Fe\r\n"));
  facts.original.header = "Subject: latin \xFC\r\n";
  EXPECT_THAT(part_of(compose(facts), "text/rfc822-headers"), EndsWith("Subject: latin =FC\r\n"));
}

TEST(Notice, boundary_never_occurs_in_the_content) {
  NoticeFacts facts = sample_facts();
  const std::string first = "--=_" + facts.id.str();
  facts.original_content = "Subject: x\r\n\r\n" + first + "\r\n" + first + "_1\r\n";
  const std::string notice = compose(facts);
  EXPECT_THAT(header_of_notice(notice), HasSubstr("boundary=\"=_" + facts.id.str() + "_2\""));
}

TEST(Notice, groups_recipients_by_cause) {
  NoticeFacts facts = sample_facts();
  for (const std::string name : {"carol", "dave", "erin"}) {
    facts.recipients.push_back(facts.recipients[0]);
    facts.recipients.back().address = mailbox(name + "@b.example");
  }
  facts.recipients.push_back(recipient(NoticeKind::failed, Errc::null_mx));
  const std::string text = decoded(part_of(compose(facts), "text/plain"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "Your message to bob@b.example, carol@b.example, dave@b.example and 1 more was not"));
  EXPECT_EQ(count(text, "Your message to "), 2U);
}

/// Five lines without codes and names of protocols, none of them long.
void expect_for_a_person(const NoticeFacts& facts, std::string_view language) {
  static const std::regex code(R"(\d\.\d+\.\d)");
  static const std::regex jargon(
      "TLSA|\\bMX\\b|DNS|STARTTLS|MTA-STS|DANE|SMTP|\\bTLS\\b|\\b[45]\\d\\d\\b");
  const auto lines = first_lines(compose(facts, language), 6);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_THAT(lines[0], HasSubstr("bob@b.example"));
  EXPECT_EQ(lines[5], "");
  const std::size_t longer = language == "de" ? 40 : 0;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(lines[i].empty());
    EXPECT_FALSE(std::regex_search(lines[i], code)) << lines[i];
    EXPECT_FALSE(std::regex_search(lines[i], jargon)) << lines[i];
    EXPECT_THAT(lines[i], Not(HasSubstr("{")));
    EXPECT_LE(lines[i].size(), (i == 3 ? 210U : 160U) + longer) << lines[i];
  }
}

TEST(Notice, pitfall_105_first_five_lines_are_for_a_person) {
  for (const NoticeKind kind : kNoticeKinds) {
    for (const SampleClass& what : sample_classes()) {
      SCOPED_TRACE(what.name);
      for (const auto exposure :
           {queue::Exposure::nothing, queue::Exposure::envelope, queue::Exposure::content}) {
        NoticeFacts facts = sample_facts(kind, what);
        facts.recipients[0].exposure = exposure;
        expect_for_a_person(facts, "en");
        expect_for_a_person(facts, "de");
      }
    }
  }
}

TEST(Notice, says_that_nothing_left_unprotected_when_protection_was_owed) {
  for (const Errc code : classes_that_reach_a_sender()) {
    if (!is_security_failure(code)) continue;
    const NoticeFacts facts = sample_facts(NoticeKind::failed, code);
    EXPECT_THAT(first_lines(compose(facts), 3)[2],
                StartsWith("Nothing was sent without protection"));
    EXPECT_THAT(first_lines(compose(facts, "de"), 3)[2],
                StartsWith("Es wurde nichts ungesch\xC3\xBCtzt gesendet"));
  }
}

TEST(Notice, claims_no_more_protection_than_there_was) {
  const auto sent = [](NoticeKind kind, Errc code, queue::Exposure exposure) {
    NoticeFacts facts = sample_facts(kind, code);
    facts.recipients[0].exposure = exposure;
    return first_lines(compose(facts), 3)[2];
  };
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
    for (const Errc code : classes_that_reach_a_sender()) {
      SCOPED_TRACE(to_string(code));
      const std::string envelope = sent(kind, code, queue::Exposure::envelope);
      const std::string content = sent(kind, code, queue::Exposure::content);
      for (const std::string& line : {envelope, content}) {
        EXPECT_THAT(line, Not(HasSubstr("Nothing was sent without")));
        EXPECT_THAT(line, Not(HasSubstr("never do with less")));
        EXPECT_THAT(line, Not(HasSubstr("Nothing was sent;")));
      }
      if (!is_security_failure(code) && code != Errc::tls_handshake) continue;
      EXPECT_EQ(
          envelope,
          "A server of b.example was told sender and recipient without protection, but not the "
          "message.");
      EXPECT_EQ(content,
                "An earlier attempt gave the message without proven protection to a server of "
                "b.example, and got no confirmation that it was taken.");
    }
  }
}

std::string sent_line(const NoticeFacts& facts, std::string_view language = "en") {
  return first_lines(compose(facts, language), 3)[2];
}

TEST(Notice, redteam_52_says_what_is_true_of_the_sending_however_far_it_came) {
  using queue::Given;
  struct Case {
    std::string name;
    Errc code = Errc::connect_failed;
    queue::GivenSoFar given;
    std::string want;
    queue::Exposure exposure = queue::Exposure::nothing;
  };
  const std::string nothing = "Nothing of your message was sent in the latest attempt.";
  const std::string begun = "In the latest attempt the message, or part of it, went to";
  const std::string no_word = "We have no word that anything was delivered";
  const std::string doubt = "The message may have arrived all the same";
  const std::vector<Case> cases = {
      {"nothing was sent", Errc::connect_failed, {}, nothing},
      {"in an earlier attempt", Errc::connect_failed, {.before = Given::content}, nothing},
      {"in this attempt", Errc::connect_failed, {.latest = Given::content}, begun},
      {"nobody knows", Errc::connect_failed, {.latest = Given::unknown}, no_word},
      {"refused at last",
       Errc::remote_permanent,
       {.latest = Given::content},
       "The other server did"},
      {"refused after what nobody saw",
       Errc::remote_permanent,
       {.before = Given::unknown},
       no_word},
      {"refused after doubt", Errc::remote_permanent, {.before = Given::in_doubt}, doubt},
      {"stopped after doubt", Errc::mail_loop, {.before = Given::in_doubt}, doubt},
      {"ended after doubt", Errc::administrative, {.latest = Given::in_doubt}, doubt},
      {"no place", Errc::domain_not_found, {}, "Nothing was sent; there is no place"},
      {"no place any more", Errc::domain_not_found, {.before = Given::content}, nothing},
      {"no place after doubt", Errc::domain_not_found, {.before = Given::in_doubt}, doubt},
      {"unsigned and begun", Errc::dns_bogus, {.latest = Given::content}, begun},
      {"protected", Errc::dane_mismatch, {.before = Given::content}, "Nothing was sent without"},
      {"protected, or nobody knows", Errc::dane_mismatch, {.before = Given::unknown}, no_word},
      {"envelope shown, or nobody knows",
       Errc::dane_mismatch,
       {.before = Given::unknown},
       "A server of b.example was told at least sender and recipient",
       queue::Exposure::envelope},
      {"protected after doubt", Errc::dane_mismatch, {.before = Given::in_doubt}, doubt},
      {"both shown and in doubt",
       Errc::dane_mismatch,
       {.before = Given::in_doubt},
       "An earlier attempt gave the message without proven protection",
       queue::Exposure::content},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
      NoticeFacts facts = sample_facts(kind, c.code);
      facts.recipients[0].given = c.given;
      facts.recipients[0].exposure = c.exposure;
      EXPECT_THAT(sent_line(facts), StartsWith(c.want));
      const bool doubtful = c.given.most() == Given::in_doubt;
      EXPECT_EQ(sent_line(facts).find(doubt) != std::string::npos, doubtful);
      EXPECT_EQ(sent_line(facts, "de").find("kann trotzdem angekommen sein") != std::string::npos,
                doubtful);
      const std::string title = human_text(facts, Texts::built_in()->language("en")).title;
      EXPECT_EQ(title.starts_with("Delivery not confirmed"), c.given.most() >= Given::unknown)
          << title;
    }
  }
}

TEST(Notice, redteam_52_who_is_in_doubt_shares_no_headline_with_who_is_not) {
  NoticeFacts facts = sample_facts(NoticeKind::failed, Errc::remote_permanent);
  facts.recipients.push_back(facts.recipients[0]);
  facts.recipients[0].address = mailbox("doubt@b.example");
  facts.recipients[0].given = {.before = queue::Given::in_doubt};
  const HumanText text = human_text(facts, Texts::built_in()->language("en"));
  EXPECT_EQ(text.title, "Not delivered: your message to bob@b.example");
  ASSERT_EQ(text.blocks.size(), 2U);
  EXPECT_EQ(text.blocks[0][0], "Your message to bob@b.example was not delivered.");
  EXPECT_EQ(
      text.blocks[1][0],
      "Your message to doubt@b.example may not have been delivered: we have no word that it was.");
}

TEST(Notice, redteam_52_claims_about_how_far_it_came_are_for_a_person) {
  for (const NoticeKind kind : {NoticeKind::failed, NoticeKind::delayed}) {
    for (const auto given : {queue::Given::content, queue::Given::in_doubt}) {
      NoticeFacts facts = sample_facts(kind, Errc::connect_failed);
      facts.recipients[0].given.latest = given;
      expect_for_a_person(facts, "en");
      expect_for_a_person(facts, "de");
    }
  }
}

TEST(Notice, recipients_with_different_exposure_are_told_apart) {
  NoticeFacts facts = sample_facts();
  facts.recipients.push_back(facts.recipients[0]);
  facts.recipients[1].address = mailbox("carol@b.example");
  facts.recipients[1].exposure = queue::Exposure::content;
  const std::string text = decoded(part_of(compose(facts), "text/plain"));
  EXPECT_EQ(count(text, "Your message to "), 2U);
  EXPECT_EQ(count(text, "Nothing was sent without protection"), 1U);
}

TEST(Notice, pitfall_103_a_delay_says_when_it_goes_on_and_until_when) {
  EXPECT_EQ(
      first_lines(compose(sample_facts(NoticeKind::delayed)), 4)[3],
      "We keep trying; you need not send it again. Next attempts: 21 November 2026, 09:15 UTC, "
      "about 13:15 UTC and about 22 November 2026, 01:15 UTC. We give up on 25 November 2026, "
      "08:15 UTC.");
}

TEST(Notice, expiry_says_so_and_keeps_the_status_of_the_cause) {
  const std::string notice = compose(sample_facts(NoticeKind::failed, Errc::sts_certificate));
  EXPECT_THAT(first_lines(notice, 4)[3], StartsWith("Time limit reached"));
  EXPECT_THAT(notice, HasSubstr("\r\nStatus: 5.7.5\r\n"));
  EXPECT_THAT(notice, HasSubstr("x-fulmar; time limit reached; sts-certificate: "));
}

TEST(Notice, redteam_51_technical_lines_have_a_bound_however_many_destinations_there_are) {
  NoticeFacts facts = sample_facts();
  const TechnicalSection section{.destination = "b.example",
                                 .lines = std::vector<std::string>(50, "one of many lines")};
  facts.technical.assign(500, section);
  const std::string text = part_of(compose(facts), "text/plain");
  const auto times = [&](const std::string& words) {
    std::size_t count = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
      ++count;
    return count;
  };
  EXPECT_EQ(times("On the way to b.example"), 20U);
  EXPECT_EQ(times("one of many lines"), 200U);
}

}  // namespace
}  // namespace fulmar::notice
