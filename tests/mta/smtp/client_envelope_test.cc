#include <gtest/gtest.h>

#include <algorithm>

#include "client_dialogue.h"
#include "client_scenes.h"
#include "mta/smtp/client_session.h"

namespace fulmar::smtp {
namespace {

// ---- extensions

TEST(ClientSession, SMTP_23_parameters_only_when_offered) {
  Script script{.lines =
                    kGreeting +
                    Lines{"S: 250-mx", "S: 250-size 0", "S: 250 8bitMIME",
                          "C: MAIL FROM:<from@client.example> SIZE=23 BODY=8BITMIME", "S: 250 ok"} +
                    kRcpt + kData + kBody + Lines{"S: 250 ok"} + kQuit};
  script.envelope.size = 23;
  script.envelope.eight_bit = true;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);

  script.envelope.eight_bit = false;
  script.lines = kPlainHost + kTransaction;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered) << "no SIZE without SIZE";
}

TEST(ClientSession, SIZ_02_pitfall_77_too_big_is_found_out_here) {
  Script script{.lines = kGreeting + Lines{"S: 250-mx", "S: 250 SIZE 1000"} + kQuit};
  script.envelope.size = 1001;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::message_too_big, Retry::next_host);
  EXPECT_EQ(to_string(result.failure->status), "5.3.4");

  script.envelope.size = 1000;
  script.lines = kGreeting +
                 Lines{"S: 250-mx", "S: 250 SIZE 1000",
                       "C: MAIL FROM:<from@client.example> SIZE=1000", "S: 250 ok"} +
                 kRcpt + kData + kBody + Lines{"S: 250 ok"} + kQuit;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, id_8BM_01_eight_bit_content_needs_8BITMIME) {
  Script script{.lines = kPlainHost + kQuit};
  script.envelope.eight_bit = true;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::eight_bit_unsupported, Retry::next_host);
  EXPECT_EQ(to_string(result.failure->status), "5.6.3");
}

TEST(ClientSession, EAI_02_pitfall_76_addresses_in_UTF8_need_SMTPUTF8) {
  Script script{.lines = kPlainHost + kQuit};
  script.envelope.recipients = {{"j\xc3\xb6rg@x.example"}};
  for (const bool declared : {false, true}) {
    script.envelope.smtputf8 = declared;
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::smtputf8_unsupported, Retry::next_host);
    EXPECT_EQ(to_string(result.failure->status), "5.6.7");
  }
  script.lines = kGreeting +
                 Lines{"S: 250-mx",
                       "S: 250 SMTPUTF8",
                       "C: MAIL FROM:<from@client.example> SMTPUTF8",
                       "S: 250 ok",
                       "C: RCPT TO:<j\xc3\xb6rg@x.example>",
                       "S: 250 ok"} +
                 kData + kBody + Lines{"S: 250 ok"} + kQuit;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
}

TEST(ClientSession, EAI_02_a_message_needs_SMTPUTF8_for_its_header_fields_too) {
  Script script{.lines = kPlainHost + kQuit};
  script.envelope.smtputf8 = true;
  const auto result = play_everything(script);
  expect_all_fail(result, Errc::smtputf8_unsupported, Retry::next_host);
  EXPECT_EQ(result.shown_in_clear, Shown::nothing);

  const Lines offered = kGreeting + Lines{"S: 250-mx", "S: 250 SMTPUTF8"};
  script.lines = offered + Lines{"C: MAIL FROM:<from@client.example> SMTPUTF8", "S: 250 ok"} +
                 kRcpt + kData + kBody + Lines{"S: 250 ok"} + kQuit;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered);
  script.envelope.smtputf8 = false;
  script.lines = offered + kTransaction;
  EXPECT_TRUE(play_everything(script).recipients[0].delivered) << "what is ASCII is not tagged";
}

TEST(ClientSession, SMU_05_addresses_that_would_break_the_command) {
  using namespace std::string_literals;
  for (const std::string& address :
       {"a@x\r\nRCPT TO:<b@x>"s, "a@x\n"s, "a\0@x"s, "a@x> SIZE=1"s, "a b@x"s, ""s}) {
    Script script{.lines = kPlainHost + kQuit};
    script.envelope.recipients = {{"good@x.example"}, {address}};
    expect_all_fail(play_everything(script), Errc::invalid_argument, Retry::never);
    if (address.empty()) continue;
    script.envelope.recipients = {{"good@x.example"}};
    script.envelope.reverse_path = address;
    expect_all_fail(play_everything(script), Errc::invalid_argument, Retry::never);
  }
}

TEST(ClientSession, REQ_06_a_host_without_REQUIRETLS_gets_no_envelope) {
  const Lines in_clear = kGreeting + Lines{"S: 250-mx.example", "S: 250 REQUIRETLS"};
  const Lines forgotten = kGreeting + Lines{"S: 250-mx.example",
                                            "S: 250-REQUIRETLS",
                                            "S: 250 STARTTLS",
                                            "C: STARTTLS",
                                            "S: 220 go ahead",
                                            "TLS",
                                            "C: EHLO mail.client.example",
                                            "S: 250 mx.example"};
  const Lines helo = kTlsHost + Lines{"S: 220 go ahead",
                                      "TLS",
                                      "C: EHLO mail.client.example",
                                      "S: 502 no",
                                      "C: HELO mail.client.example",
                                      "S: 250 hi"};
  for (const Lines& opening : {kPlainHost, in_clear, kUnderTls, forgotten, helo}) {
    Script script = three_recipients(opening + kQuit);
    script.envelope.requiretls = OutgoingEnvelope::RequireTls::demanded;
    const auto result = play_everything(script);
    expect_all_fail(result, Errc::requiretls_unsupported, Retry::next_host);
    EXPECT_EQ(to_string(result.failure->status), "5.7.30");
    EXPECT_EQ(result.shown_in_clear, Shown::nothing);
  }
}

TEST(ClientSession, REQ_01_REQUIRETLS_is_passed_on_where_the_EHLO_under_TLS_offers_it) {
  using RequireTls = OutgoingEnvelope::RequireTls;
  const Lines offered = kTlsHost + Lines{"S: 220 go ahead", "TLS", "C: EHLO mail.client.example",
                                         "S: 250-mx.example", "S: 250 RequireTLS"};
  const Lines with_parameter = Lines{"C: MAIL FROM:<from@client.example> REQUIRETLS", "S: 250 ok"} +
                               kRcpt + kData + kBody + Lines{"S: 250 ok"} + kQuit;
  struct Case {
    const char* name;
    RequireTls wish;
    Lines lines;
  };
  for (const Case& c :
       {Case{"demanded", RequireTls::demanded, offered + with_parameter},
        Case{"if offered, and it is", RequireTls::if_offered, offered + with_parameter},
        Case{"if offered, and it is not", RequireTls::if_offered, kUnderTls + kTransaction},
        Case{"if offered, but in clear", RequireTls::if_offered,
             kGreeting + Lines{"S: 250-mx.example", "S: 250 REQUIRETLS"} + kTransaction},
        Case{"not wanted", RequireTls::no, offered + kTransaction}}) {
    SCOPED_TRACE(c.name);
    Script script{.lines = c.lines};
    script.envelope.requiretls = c.wish;
    EXPECT_TRUE(play_everything(script).recipients[0].delivered);
  }
}

// ---- recipients

TEST(ClientSession, PIP_01_pitfall_70_mixed_replies_in_one_group) {
  const auto result = play_everything(three_recipients(
      kPipeliningHost + kGroup +
      Lines{"S: 250 ok", "S: 250 a", "S: 550 5.1.1 no b", "S: 451 4.7.1 c later", "S: 354 go"} +
      kBody + Lines{"S: 250 ok"} + kQuit));
  EXPECT_TRUE(result.recipients[0].delivered);
  expect_failure(result.recipients[1].failure, Errc::remote_permanent, Retry::never);
  EXPECT_EQ(to_string(result.recipients[1].failure->status), "5.1.1");
  EXPECT_EQ(result.recipients[1].reply->verbatim(), "550 5.1.1 no b");
  EXPECT_EQ(result.recipients[1].stage, Stage::rcpt);
  expect_failure(result.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
  EXPECT_FALSE(result.failure);
}

TEST(ClientSession, mixed_replies_one_command_a_time) {
  const auto result = play_everything(
      three_recipients(kPlainHost + kMail +
                       Lines{"C: RCPT TO:<a@x.example>", "S: 550 no", "C: RCPT TO:<b@x.example>",
                             "S: 250 ok", "C: RCPT TO:<c@x.example>", "S: 450 busy"} +
                       kData + kBody + Lines{"S: 250 ok"} + kQuit));
  EXPECT_FALSE(result.recipients[0].delivered);
  EXPECT_TRUE(result.recipients[1].delivered);
  EXPECT_FALSE(result.recipients[2].delivered);
}

TEST(ClientSession, SMTP_25_all_refused_and_no_pipelining_means_no_DATA) {
  const auto result = play_everything(
      {.lines = kPlainHost + kMail + Lines{"C: RCPT TO:<a@x.example>", "S: 550 no"} + kQuit});
  expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
  EXPECT_FALSE(result.failure);
}

TEST(ClientSession, SMTP_25_pitfall_70_all_refused_and_354_gets_a_lone_dot) {
  for (const char* after_dot :
       {"S: 250 ok", "S: 554 no recipients", "S: 421 bye", "LOST", "TIMEOUT", "S: ?"}) {
    const Lines group =
        kPipeliningHost + kGroup +
        Lines{"S: 250 ok", "S: 550 no a", "S: 551 no b", "S: 450 no c", "S: 354 go", "C: ."};
    const bool replies = std::string_view(after_dot).starts_with("S: 2") ||
                         std::string_view(after_dot).starts_with("S: 5") ||
                         std::string_view(after_dot).starts_with("S: 4");
    const auto result =
        play_everything(three_recipients(group + Lines{after_dot} + (replies ? kQuit : Lines{})));
    EXPECT_FALSE(result.in_doubt) << after_dot;
    EXPECT_FALSE(result.failure) << after_dot;
    expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
    expect_failure(result.recipients[1].failure, Errc::remote_permanent, Retry::never);
    expect_failure(result.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
  }
}

TEST(ClientSession, all_refused_and_DATA_refused) {
  const auto result = play_everything(three_recipients(
      kPipeliningHost + kGroup +
      Lines{"S: 250 ok", "S: 550 no a", "S: 550 no b", "S: 550 no c", "S: 503 no recipients"} +
      kQuit));
  for (const auto& one : result.recipients)
    EXPECT_EQ(one.stage, Stage::rcpt);
}

TEST(ClientSession, pitfall_70_refused_MAIL_decides_for_all_whatever_follows) {
  const Lines refused = kPipeliningHost + kGroup + Lines{"S: 550 5.7.1 not you"};
  const std::vector<Lines> endings = {
      {"LOST"},
      {"TIMEOUT"},
      {"S: 503 no", "S: 503 no", "LOST"},
      Lines{"S: 503 no", "S: 503 no", "S: 503 no", "S: 503 no"} + kQuit,
      Lines{"S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 503 no"} + kQuit,
      Lines{"S: 250 ok", "S: 250 ok", "S: 250 ok", "S: 354 go", "C: .", "S: 250 ok"} + kQuit,
      {"S: 421 bye"},
      {"S: nonsense"},
  };
  for (const Lines& ending : endings) {
    const auto result = play_everything(three_recipients(refused + ending));
    expect_all_fail(result, Errc::remote_permanent, Retry::never);
    EXPECT_EQ(result.recipients[2].reply->verbatim(), "550 5.7.1 not you");
    EXPECT_EQ(result.recipients[2].stage, Stage::mail);
    EXPECT_EQ(result.stage, Stage::mail);
  }
}

TEST(ClientSession, refused_MAIL_without_pipelining) {
  const auto result = play_everything(
      {.lines = kPlainHost + Lines{"C: MAIL FROM:<from@client.example>", "S: 452 full"} + kQuit});
  expect_all_fail(result, Errc::remote_temporary, Retry::next_host);
}

TEST(ClientSession, SMTP_18_pitfall_69_421_amid_the_recipients) {
  const auto result = play_everything(
      three_recipients(kPipeliningHost + kGroup +
                       Lines{"S: 250 ok", "S: 550 no a", "S: 250 b", "S: 421 4.3.2 bye"}));
  expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
  expect_failure(result.recipients[1].failure, Errc::remote_temporary, Retry::next_host);
  expect_failure(result.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
}

TEST(ClientSession, connection_lost_amid_the_recipients) {
  for (const char* how : {"LOST", "TIMEOUT", "S: what"}) {
    const auto result = play_everything(three_recipients(
        kPipeliningHost + kGroup + Lines{"S: 250 ok", "S: 550 no a", "S: 250 b", how}));
    expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
    EXPECT_EQ(result.recipients[1].failure->retry, Retry::next_host);
    EXPECT_EQ(result.recipients[2].failure->retry, Retry::next_host);
    EXPECT_FALSE(result.in_doubt);
  }
}

TEST(ClientSession, SMTP_19_too_many_recipients) {
  for (const char* reply : {"S: 452 too many", "S: 552 too many"}) {
    const auto result = play_everything(three_recipients(
        kPipeliningHost + kGroup + Lines{"S: 250 ok", "S: 250 a", "S: 250 b", reply, "S: 354 go"} +
        kBody + Lines{"S: 250 ok"} + kQuit));
    EXPECT_TRUE(result.recipients[0].delivered && result.recipients[1].delivered);
    expect_failure(result.recipients[2].failure, Errc::remote_temporary, Retry::next_host);
    EXPECT_EQ(to_string(result.recipients[2].failure->status), "4.5.3");
    EXPECT_FALSE(result.recipients[0].try_again_here || result.recipients[1].try_again_here);
    EXPECT_TRUE(result.recipients[2].try_again_here);
  }
}

TEST(ClientSession, SMTP_19_no_second_transaction_unless_the_first_went_well) {
  struct Case {
    const char* name;
    Lines replies;
    bool want;
  };
  const Lines end = kBody + Lines{"S: 250 ok"} + kQuit;
  for (const Case& c : {
           Case{"452 4.5.3", Lines{"S: 250 a", "S: 250 b", "S: 452 4.5.3 c", "S: 354 go"} + end,
                true},
           Case{"mailbox full", Lines{"S: 250 a", "S: 250 b", "S: 452 4.2.2 c", "S: 354 go"} + end,
                false},
           Case{"greylisted", Lines{"S: 250 a", "S: 250 b", "S: 451 c", "S: 354 go"} + end, false},
           Case{"nobody accepted before",
                Lines{"S: 452 a", "S: 452 b", "S: 452 c", "S: 554 no"} + kQuit, false},
           Case{"DATA refused", Lines{"S: 250 a", "S: 250 b", "S: 452 c", "S: 451 no"} + kQuit,
                false},
           Case{"message refused",
                Lines{"S: 250 a", "S: 250 b", "S: 452 c", "S: 354 go"} + kBody +
                    Lines{"S: 554 no"} + kQuit,
                false},
           Case{"no word",
                Lines{"S: 250 a", "S: 250 b", "S: 452 c", "S: 354 go"} + kBody + Lines{"LOST"},
                false},
       }) {
    SCOPED_TRACE(c.name);
    const auto result = play_everything(
        three_recipients(kPipeliningHost + kGroup + Lines{"S: 250 ok"} + c.replies));
    EXPECT_EQ(result.recipients[2].try_again_here, c.want);
    EXPECT_FALSE(result.recipients[0].try_again_here);
  }
}

TEST(ClientSession, refused_DATA_applies_to_the_accepted_ones) {
  const auto result = play_everything(three_recipients(
      kPipeliningHost + kGroup +
      Lines{"S: 250 ok", "S: 250 a", "S: 450 b", "S: 250 c", "S: 554 no"} + kQuit));
  expect_failure(result.recipients[0].failure, Errc::remote_permanent, Retry::never);
  EXPECT_EQ(result.recipients[0].stage, Stage::data);
  expect_failure(result.recipients[1].failure, Errc::remote_temporary, Retry::next_host);
  expect_failure(result.recipients[2].failure, Errc::remote_permanent, Retry::never);
}

TEST(ClientSession, SMTP_25_data_only_after_3yz) {
  expect_all_fail(
      play_everything({.lines = kPlainHost + kMail + kRcpt + Lines{"C: DATA", "S: 250 ok"}}),
      Errc::remote_protocol, Retry::next_host);
}

TEST(ClientSession, pitfall_70_a_reply_too_many_delivers_nothing) {
  // Octet by octet the surplus is still on its way when the body is sent, so this is about one
  // segment.
  const auto result =
      play({.lines = kPlainHost + kMail + kRcpt + Lines{"C: DATA", "S: 354 go", "S: 250 queued?"}})
          .result;
  expect_all_fail(result, Errc::remote_protocol, Retry::next_host);
}

TEST(ClientSession, PIP_02_many_recipients_in_groups) {
  Script script;
  script.envelope.recipients.clear();
  Lines commands = {"C: MAIL FROM:<from@client.example>"};
  Lines replies = {"S: 250 ok"};
  script.lines = kPipeliningHost;
  for (int i = 0; i < 1000; ++i) {
    const std::string address = "r" + std::to_string(i) + "@x.example";
    script.envelope.recipients.push_back({address});
    if (commands.size() == 100) {
      script.lines = script.lines + commands + replies;
      commands.clear();
      replies.clear();
    }
    commands.push_back("C: RCPT TO:<" + address + ">");
    replies.push_back(i % 3 == 0 ? "S: 550 no" : "S: 250 ok");
  }
  commands.push_back("C: DATA");
  replies.push_back("S: 354 go");
  script.lines = script.lines + commands + replies + kBody + Lines{"S: 250 ok"} + kQuit;
  const auto result = play(script).result;
  ASSERT_EQ(result.recipients.size(), 1000U);
  for (std::size_t i = 0; i < 1000; ++i)
    EXPECT_EQ(result.recipients[i].delivered, i % 3 != 0) << i;
}

TEST(ClientSession, PIP_02_groups_are_bounded_in_octets) {
  Script script;
  const std::string local(60, 'l');
  const std::string domain = std::string(180, 'd') + ".example";
  script.envelope.recipients.assign(99, {local + "@" + domain});
  script.lines = kPipeliningHost;
  ClientSession session(script.options, script.envelope);
  (void)session.resume(Connected{});
  (void)session.resume(BytesReceived{"220 hi\r\n"});
  (void)session.resume(BytesWritten{});
  std::size_t commands = 0;
  ClientAction action = session.resume(BytesReceived{"250-hi\r\n250 PIPELINING\r\n"});
  while (commands < 100) {
    const auto* write = std::get_if<DoWrite>(&action);
    ASSERT_TRUE(write);
    EXPECT_LE(write->bytes.size(), 8192U);
    std::string replies;
    for (const char c : write->bytes) {
      if (c == '\n') replies += "250 ok\r\n";
    }
    commands += static_cast<std::size_t>(std::count(replies.begin(), replies.end(), '\n'));
    ASSERT_TRUE(std::holds_alternative<DoRead>(session.resume(BytesWritten{})));
    if (commands < 100) action = session.resume(BytesReceived{replies});
  }
  EXPECT_EQ(commands, 101U) << "MAIL, 99 times RCPT, DATA";
}

TEST(ClientSession, all_of_an_early_group_refused) {
  Script script;
  script.envelope.recipients.assign(99, {"a@x.example"});
  script.lines = kPipeliningHost + Lines{"C: MAIL FROM:<from@client.example>"};
  for (int i = 0; i < 99; ++i)
    script.lines.push_back("C: RCPT TO:<a@x.example>");
  script.lines.push_back("S: 250 ok");
  for (int i = 0; i < 99; ++i)
    script.lines.push_back("S: 550 no");
  script.lines = script.lines + kQuit;
  EXPECT_FALSE(play_everything(script).failure) << "DATA, alone in the next group, is not sent";
}

TEST(ClientSession, nobody_to_send_to) {
  Script script{.lines = kPlainHost + kQuit};
  script.envelope.recipients.clear();
  EXPECT_FALSE(play_everything(script).failure);
}

}  // namespace
}  // namespace fulmar::smtp
