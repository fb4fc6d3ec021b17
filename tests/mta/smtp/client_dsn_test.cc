// What a sender asks about notices, on its way to the next host; and who owes it word after that.
#include "client_scenes.h"

namespace fulmar::smtp {
namespace {

const Lines kDsnHost = kGreeting + Lines{"S: 250-mx.example", "S: 250 DSN"};
constexpr DsnNotify kNever{.stated = true};
constexpr DsnNotify kSuccessAndDelay{.stated = true, .success = true, .delay = true};

/// One message to a@x.example, of whose commands these two are what is different.
Lines transaction(const std::string& mail_parameters, const std::string& rcpt_parameters) {
  return Lines{"C: MAIL FROM:<from@client.example>" + mail_parameters, "S: 250 ok",
               "C: RCPT TO:<a@x.example>" + rcpt_parameters, "S: 250 ok"} +
         kData + kBody + Lines{"S: 250 2.0.0 queued"};
}

struct Asked {
  const char* name;
  DsnReturn ret = DsnReturn::unstated;
  std::string envelope_id;
  DsnNotify notify;
  std::string original;
  std::string mail;  ///< How MAIL and RCPT end where DSN is offered.
  std::string rcpt;
};

const Asked kEverything = {.name = "all",
                           .ret = DsnReturn::headers,
                           .envelope_id = "id",
                           .notify = kSuccessAndDelay,
                           .original = "x400;/C+3Dde/",
                           .mail = " RET=HDRS ENVID=id",
                           .rcpt = " NOTIFY=SUCCESS,DELAY ORCPT=x400;/C+3Dde/"};
const Asked kAsked[] = {
    {.name = "nothing"},
    {.name = "RET=FULL", .ret = DsnReturn::full, .mail = " RET=FULL"},
    {.name = "RET=HDRS", .ret = DsnReturn::headers, .mail = " RET=HDRS"},
    {.name = "ENVID", .envelope_id = "QQ+2B314159", .mail = " ENVID=QQ+2B314159"},
    {.name = "NEVER", .notify = kNever, .rcpt = " NOTIFY=NEVER"},
    {.name = "NOTIFY", .notify = kSuccessAndDelay, .rcpt = " NOTIFY=SUCCESS,DELAY"},
    {.name = "ORCPT", .original = "rfc822;A+2BB+3Dc@x", .rcpt = " ORCPT=rfc822;A+2BB+3Dc@x"},
    kEverything,
};

Script asking(const Asked& asked, const Lines& lines) {
  Script script{.lines = lines};
  script.envelope.ret = asked.ret;
  script.envelope.envelope_id = asked.envelope_id;
  script.envelope.recipients[0].notify = asked.notify;
  script.envelope.recipients[0].original_recipient = asked.original;
  return script;
}

TEST(ClientDsn, DSN_04_pitfall_78_what_is_asked_is_passed_on_octet_by_octet) {
  for (const Asked& asked : kAsked) {
    SCOPED_TRACE(asked.name);
    const auto result =
        play_everything(asking(asked, kDsnHost + transaction(asked.mail, asked.rcpt) + kQuit));
    EXPECT_TRUE(result.recipients[0].delivered);
    EXPECT_EQ(result.recipients[0].dsn_duty, DsnDuty::theirs);
  }
}

TEST(ClientDsn, DSN_05_pitfall_78_a_host_without_DSN_is_asked_nothing) {
  for (const Asked& asked : kAsked) {
    SCOPED_TRACE(asked.name);
    const auto result = play_everything(asking(asked, kPlainHost + kTransaction));
    EXPECT_TRUE(result.recipients[0].delivered);
    EXPECT_EQ(result.recipients[0].dsn_duty, DsnDuty::ours);
  }
}

TEST(ClientDsn, DSN_04_each_recipient_has_its_own) {
  Script script = three_recipients(
      kGreeting +
      Lines{"S: 250-mx.example", "S: 250-DSN", "S: 250 PIPELINING",
            "C: MAIL FROM:<from@client.example>", "C: RCPT TO:<a@x.example> NOTIFY=NEVER",
            "C: RCPT TO:<b@x.example>", "C: RCPT TO:<c@x.example> NOTIFY=SUCCESS,DELAY", "C: DATA",
            "S: 250 ok", "S: 250 a", "S: 250 b", "S: 550 no c", "S: 354 go"} +
      kBody + Lines{"S: 250 ok"} + kQuit);
  script.envelope.recipients[0].notify = kNever;
  script.envelope.recipients[2].notify = kSuccessAndDelay;
  const auto result = play_everything(script);
  EXPECT_EQ(result.recipients[0].dsn_duty, DsnDuty::theirs);
  EXPECT_EQ(result.recipients[1].dsn_duty, DsnDuty::theirs);
  EXPECT_FALSE(result.recipients[2].delivered);
  EXPECT_EQ(result.recipients[2].dsn_duty, DsnDuty::ours) << "nobody has it";
}

TEST(ClientDsn, DSN_04_only_what_the_latest_EHLO_lists_counts) {
  const Lines forgotten = kGreeting + Lines{"S: 250-mx.example",
                                            "S: 250-DSN",
                                            "S: 250 STARTTLS",
                                            "C: STARTTLS",
                                            "S: 220 go ahead",
                                            "TLS",
                                            "C: EHLO mail.client.example",
                                            "S: 250 mx.example"};
  const Lines helo = kGreeting + Lines{"S: 502 no", "C: HELO mail.client.example", "S: 250 hi"};
  for (const Lines& opening : {forgotten, helo}) {
    const auto result = play_everything(asking(kEverything, opening + kTransaction));
    EXPECT_EQ(result.recipients[0].dsn_duty, DsnDuty::ours);
  }
  const Lines learnt = kTlsHost + Lines{"S: 220 go ahead", "TLS", "C: EHLO mail.client.example",
                                        "S: 250-mx.example", "S: 250 dsn"};
  const auto result = play_everything(
      asking(kEverything, learnt + transaction(kEverything.mail, kEverything.rcpt) + kQuit));
  EXPECT_EQ(result.recipients[0].dsn_duty, DsnDuty::theirs);
}

TEST(ClientDsn, DSN_04_on_a_kept_connection_too) {
  Script script = asking(kEverything, transaction(kEverything.mail, kEverything.rcpt));
  script.options.ending = ClientOptions::Ending::keep;
  script.kept = KeptSession{};
  script.kept->offers.dsn = true;
  EXPECT_EQ(play_all_ways(script).result.recipients[0].dsn_duty, DsnDuty::theirs);
}

TEST(ClientDsn, DSN_05_what_goes_by_BDAT_is_no_different) {
  for (const bool offered : {true, false}) {
    Script script =
        asking(kEverything,
               kGreeting + Lines{"S: 250-mx.example"} + (offered ? Lines{"S: 250-DSN"} : Lines{}) +
                   Lines{"S: 250-PIPELINING", "S: 250 CHUNKING",
                         "C: MAIL FROM:<from@client.example>" +
                             (offered ? kEverything.mail : std::string()),
                         "C: RCPT TO:<a@x.example>" + (offered ? kEverything.rcpt : std::string()),
                         "C: BDAT 22 LAST", "C: Subject: hi", "C: ", "C: hello", "S: 250 ok",
                         "S: 250 a", "S: 250 taken"} +
                   kQuit);
    script.envelope.size = script.body[0].size();
    EXPECT_EQ(play_everything(script).recipients[0].dsn_duty,
              offered ? DsnDuty::theirs : DsnDuty::ours);
  }
}

TEST(ClientDsn, EAI_04_an_original_recipient_beyond_ASCII_needs_SMTPUTF8_or_seven_bits) {
  const Lines utf8_host = kGreeting + Lines{"S: 250-mx", "S: 250-DSN", "S: 250 SMTPUTF8"};
  const std::string form = " ORCPT=utf-8;j\\x{F6}rg@x";
  std::string too_long = "utf-8;";
  for (int i = 0; i < 100; ++i)
    too_long += "\xc3\xb6";
  struct Case {
    const char* name;
    std::string original;
    bool smtputf8;
    Lines opening;
    std::string mail;
    std::string rcpt;
  };
  for (const Case& c : {
           Case{"as it came, under SMTPUTF8", "utf-8;j\xc3\xb6rg@x", true, utf8_host, " SMTPUTF8",
                " ORCPT=utf-8;j\xc3\xb6rg@x"},
           Case{"the message does not need it", "utf-8;j\xc3\xb6rg@x", false, utf8_host, "", form},
           Case{"the host does not know it", "utf-8;j\xc3\xb6rg@x", false, kDsnHost, "", form},
           Case{"in seven bits already", "utf-8;j\\x{F6}rg@x", false, kDsnHost, "", form},
           Case{"too long for a command", too_long, false, kDsnHost, "", ""},
       }) {
    SCOPED_TRACE(c.name);
    Script script{.lines = c.opening + transaction(c.mail, c.rcpt) + kQuit};
    script.envelope.smtputf8 = c.smtputf8;
    script.envelope.recipients[0].original_recipient = c.original;
    EXPECT_TRUE(play_everything(script).recipients[0].delivered);
  }
}

TEST(ClientDsn, SMU_05_what_would_break_the_command_is_not_sent) {
  for (const Asked& asked : {Asked{.name = "ENVID", .envelope_id = "a b"},
                             Asked{.name = "ENVID", .envelope_id = "a\r\nDATA"},
                             Asked{.name = "ORCPT", .original = "rfc822;a\r\nDATA"},
                             Asked{.name = "ORCPT", .original = "rfc822;a b"}}) {
    SCOPED_TRACE(asked.name);
    expect_all_fail(play_everything(asking(asked, kDsnHost + kQuit)), Errc::invalid_argument,
                    Retry::never);
  }
}

}  // namespace
}  // namespace fulmar::smtp
