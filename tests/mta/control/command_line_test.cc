#include "mta/control/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mta/app.h"
#include "mta/intake/password_hash.h"
#include "mta/intake/users.h"
#include "tests/mta/control/daemon_fixture.h"

namespace fulmar::control {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kId = "01JD0000000000000010";
constexpr const char* kOtherId = "01JD0000000000000020";

class CommandLine : public testing::Test {
 protected:
  int run(std::vector<std::string> words) {
    in_ = std::istringstream(input);
    out_.str("");
    err_.str("");
    const Surroundings surroundings{
        .serve =
            [this](const conf::Config& config) {
              served = config.hostname.str();
              return mta::kExitTryLater;
            },
        .check = [](const conf::Config&) { return mta::kExitConfig; },
        .explain_without_daemon = [this](const conf::Config&, const std::string& target,
                                         Connect) -> Result<boost::json::value> {
          explained = target;
          return boost::json::value(boost::json::object{{"domain", target}, {"deliverable", true}});
        },
        .ask_for_password = ask_for_password,
        .system = {.fqdn = "host.example"},
        .config_variable = variable,
        .default_config = directory / "default.toml",
        .in = in_,
        .out = out_,
        .err = err_,
    };
    return run_command_line(std::move(words), surroundings);
  }
  /// A configuration whose socket is in the temporary directory.
  std::string write_config() {
    std::ofstream(directory / "f.toml") << "[control]\nsocket = \"" << directory / "s"
                                        << "\"\ngroup = \"\"\n";
    return directory / "f.toml";
  }
  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

  TemporaryDirectory directory;
  std::string input;
  mta::AskForPassword ask_for_password;
  std::string variable;
  std::string served;
  std::string explained;

 private:
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandLine, serve_and_check_give_their_own_exit_code) {
  EXPECT_EQ(run({"serve"}), mta::kExitTryLater);
  EXPECT_EQ(served, "host.example") << "no file: defaults, and the system's name";
  EXPECT_EQ(run({"check"}), mta::kExitConfig);
}

TEST_F(CommandLine, usage_errors_are_64_on_standard_error) {
  EXPECT_EQ(run({"dance"}), 64);
  EXPECT_EQ(out(), "");
  EXPECT_NE(err(), "");
}

TEST_F(CommandLine, help_goes_to_standard_output) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("explain"));
  EXPECT_EQ(err(), "");
}

TEST_F(CommandLine, a_named_file_must_exist) {
  EXPECT_EQ(run({"serve", "--config", directory / "missing.toml"}), mta::kExitConfig);
  EXPECT_THAT(err(), HasSubstr("missing.toml"));
  variable = directory / "also-missing.toml";
  EXPECT_EQ(run({"serve"}), mta::kExitConfig);
  EXPECT_THAT(err(), HasSubstr("also-missing.toml"));
  EXPECT_EQ(served, "");
}

TEST_F(CommandLine, config_option_wins_over_the_variable_and_that_over_the_default_file) {
  std::ofstream(directory / "default.toml") << "hostname = \"default.example\"\n";
  std::ofstream(directory / "variable.toml") << "hostname = \"variable.example\"\n";
  std::ofstream(directory / "option.toml") << "hostname = \"option.example\"\n";
  run({"serve"});
  EXPECT_EQ(served, "default.example");
  variable = directory / "variable.toml";
  run({"serve"});
  EXPECT_EQ(served, "variable.example");
  run({"serve", "--config", directory / "option.toml"});
  EXPECT_EQ(served, "option.example");
}

TEST_F(CommandLine, problems_of_the_file_are_printed_one_a_line) {
  std::ofstream(directory / "f.toml") << "hostnam = \"x\"\nthreads = \"many\"\n";
  EXPECT_EQ(run({"status", "--config", directory / "f.toml"}), mta::kExitConfig);
  const std::string text = err();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_THAT(err(), HasSubstr("f.toml:1:"));
  EXPECT_THAT(err(), HasSubstr("f.toml:2:"));
}

TEST_F(CommandLine, config_shows_values_and_where_they_are_from) {
  std::ofstream(directory / "f.toml") << "threads = 3\n";
  EXPECT_EQ(run({"config", "--config", directory / "f.toml"}), 0);
  EXPECT_THAT(out(), testing::ContainsRegex("threads +  *= 3 +# .*f.toml:1"));
  EXPECT_EQ(run({"config", "--defaults", "--config", directory / "f.toml"}), 0);
  EXPECT_THAT(out(), testing::ContainsRegex("threads +  *= 0 +# default"));
  EXPECT_EQ(run({"config", "--json", "--config", directory / "f.toml"}), 0);
  EXPECT_TRUE(boost::json::parse(out()).is_array());
}

TEST_F(CommandLine, without_a_daemon_69) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"status"},
                                                {"queue", "list"},
                                                {"queue", "retry", "--all"},
                                                {"policy", "list"}}) {
    auto with_config = words;
    with_config.insert(with_config.end(), {"--config", write_config()});
    EXPECT_EQ(run(with_config), mta::kExitNotRunning);
    EXPECT_EQ(out(), "");
    EXPECT_THAT(err(), HasSubstr("cannot reach the daemon"));
  }
}

TEST_F(CommandLine, explain_works_without_a_daemon) {
  EXPECT_EQ(run({"explain", "b.example", "--config", write_config(), "--json"}), 0);
  EXPECT_EQ(explained, "b.example");
  EXPECT_EQ(boost::json::parse(out()).at("deliverable"), true);
}

TEST_F(CommandLine, explain_asks_the_daemon_and_1_means_not_deliverable) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  daemon.operations.answer =
      boost::json::value(boost::json::object{{"domain", "b.example"}, {"deliverable", false}});
  EXPECT_EQ(run({"explain", "b.example", "--connect", "--config", config}), mta::kExitNo);
  EXPECT_EQ(explained, "");
  EXPECT_THAT(daemon.operations.asked, ElementsAre("explain b.example with connect"));
  EXPECT_THAT(out(), HasSubstr("NOT deliverable"));
  daemon.operations.answer = fail(Errc::invalid_argument, "neither a domain nor an address");
  EXPECT_EQ(run({"explain", "???", "--config", config}), mta::kExitUsage);
}

TEST_F(CommandLine, each_command_reaches_its_operation) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  const std::vector<std::vector<std::string>> commands = {
      {"status"},
      {"queue", "list", "--domain", "b.example", "--reason", "connect-failed"},
      {"queue", "show", kId},
      {"queue", "retry", "--sender", "<>"},
      {"queue", "delete", "--all", "--reason", "trial is over"},
      {"queue", "hold", "--state", "queued"},
      {"queue", "release", "--all"},
      {"queue", "bounce", kId, "--reason", "enough"},
      {"queue", "quarantine"},
      {"suspend", "b.example", "--for", "1h", "--reason", "they move"},
      {"resume", ".b.example"},
      {"resume", "*"},
      {"suspended"},
      {"policy", "list"},
      {"policy", "show", "b.example"},
      {"policy", "refresh", "b.example"},
      {"policy", "forget", "b.example"}};
  for (auto words : commands) {
    words.insert(words.end(), {"--config", config});
    EXPECT_EQ(run(words), 0) << words[1] << err();
  }
  EXPECT_THAT(daemon.operations.asked,
              ElementsAre("status", R"(list {"domain":"b.example","reason":"connect-failed"})",
                          "quarantine", "show 01JD0000000000000010", R"(retry {"sender":"<>"})",
                          "delete {} because trial is over", R"(hold {"state":"queued"})",
                          "release {}", R"(bounce {"id":["01JD0000000000000010"]} because enough)",
                          "quarantine", "suspend b.example for 3600 s because they move",
                          "resume .b.example", "resume *", "suspended", "policies",
                          "policy b.example", "refresh b.example", "forget b.example"));
}

TEST_F(CommandLine, unknown_id_is_1_and_no_id_at_all_is_64) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  daemon.operations.answer = fail(Errc::not_found, "no such message");
  EXPECT_EQ(run({"queue", "show", kId, "--config", config}), mta::kExitNo);
  EXPECT_EQ(run({"queue", "show", "what?", "--config", config}), mta::kExitUsage);
  EXPECT_EQ(run({"policy", "show", "a..b", "--config", config}), mta::kExitUsage);
  EXPECT_EQ(run({"queue", "list", "--older-than", "soon", "--config", config}), mta::kExitUsage);
  daemon.operations.answer = fail(Errc::store_failed, "disk on fire");
  EXPECT_EQ(run({"queue", "show", kId, "--config", config}), mta::kExitTryLater);
}

TEST_F(CommandLine, ids_from_standard_input) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  input =
      std::string("ID  ARRIVED\n") + kId + "  2026 a@b\n" + kId + " again\n\n" + kOtherId + "\n";
  EXPECT_EQ(run({"queue", "retry", "-", "--config", config}), 0);
  EXPECT_THAT(daemon.operations.asked,
              ElementsAre(R"(retry {"id":["01JD0000000000000010","01JD0000000000000020"]})"));
}

TEST_F(CommandLine, empty_standard_input_means_no_message_not_every_message) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  EXPECT_EQ(run({"queue", "delete", "-", "--config", config}), 0);
  EXPECT_EQ(run({"queue", "delete", "--id", "-", "--domain", "b.example", "--config", config}), 0);
  EXPECT_THAT(daemon.operations.asked, IsEmpty());
}

TEST_F(CommandLine, a_list_ends_with_a_word_about_records_set_aside_on_standard_error) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  EXPECT_EQ(run({"queue", "list", "--config", config}), 0);
  EXPECT_EQ(err(), "");
  daemon.operations.set_aside = boost::json::array{1, 2};
  EXPECT_EQ(run({"queue", "list", "--config", config}), 0);
  EXPECT_THAT(err(), HasSubstr("set aside because they cannot be read: 2;"));
  EXPECT_THAT(err(), HasSubstr("fulmar queue quarantine"));
  EXPECT_EQ(run({"queue", "list", "--json", "--config", config}), 0);
  EXPECT_EQ(err(), "") << "for programs";
}

TEST_F(CommandLine, json_is_the_daemons_answer_as_it_came) {
  const std::string config = write_config();
  TestDaemon daemon(directory / "s");
  EXPECT_EQ(run({"--json", "policy", "list", "--config", config}), 0);
  EXPECT_EQ(out(), "{\"done\":true}\n");
}

TEST_F(CommandLine, passwd_prints_a_line_for_the_users_file) {
  input = "secret\n";
  EXPECT_EQ(run({"passwd", "shop"}), mta::kExitDone) << err();
  EXPECT_THAT(out(), testing::StartsWith("shop:$y$"));
  const auto users = intake::Users::parse(out(), "out");
  ASSERT_TRUE(users) << users.error().detail;
  ASSERT_NE(users->find("shop"), nullptr);
  EXPECT_TRUE(intake::fits("secret", *users->find("shop")).value());
  EXPECT_EQ(err(), "");
  EXPECT_EQ(run({"passwd", "--method", "sha512", "shop"}), mta::kExitDone);
  EXPECT_THAT(out(), testing::StartsWith("shop:$6$"));
  EXPECT_EQ(run({"passwd", "--method", "scram-sha-256", "shop"}), mta::kExitDone);
  EXPECT_TRUE(intake::Users::parse(out(), "out")->all_have_scram());
  EXPECT_EQ(run({"passwd", "--json", "shop"}), mta::kExitDone);
  EXPECT_EQ(boost::json::parse(out()).at("name"), "shop");
}

TEST_F(CommandLine, passwd_asks_a_person_when_there_is_one) {
  ask_for_password = [](const std::string&) -> Result<std::string> { return "typed"; };
  input = "not this\n";
  EXPECT_EQ(run({"passwd", "shop"}), mta::kExitDone) << err();
  const auto users = intake::Users::parse(out(), "out");
  ASSERT_TRUE(users);
  EXPECT_TRUE(intake::fits("typed", *users->find("shop")).value());
}

TEST_F(CommandLine, passwd_that_makes_no_sense_is_64) {
  input = "secret\n";
  EXPECT_EQ(run({"passwd"}), mta::kExitUsage);
  EXPECT_EQ(run({"passwd", "a:b"}), mta::kExitUsage);
  EXPECT_EQ(run({"passwd", "--method", "md5", "shop"}), mta::kExitUsage);
  EXPECT_THAT(err(), HasSubstr("--method must be yescrypt, sha512, bcrypt or scram-sha-256"));
  input = "";
  EXPECT_EQ(run({"passwd", "shop"}), mta::kExitUsage);
  EXPECT_EQ(out(), "");
}

TEST_F(CommandLine, passwd_needs_no_configuration) {
  input = "secret\n";
  EXPECT_EQ(run({"passwd", "shop", "--config", directory / "missing.toml"}), mta::kExitDone);
}

TEST_F(CommandLine, notice_list_names_classes_kinds_and_languages) {
  EXPECT_EQ(run({"notice", "list"}), mta::kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr("dane-mismatch"));
  EXPECT_THAT(out(), HasSubstr("mailbox-full"));
  EXPECT_THAT(out(), HasSubstr("cleared"));
  EXPECT_THAT(out(), HasSubstr("summary"));
  EXPECT_THAT(out(), HasSubstr("de "));
  EXPECT_EQ(run({"notice", "list", "--json"}), mta::kExitDone);
  const auto list = boost::json::parse(out());
  EXPECT_EQ(list.at("kinds").as_array().size(), 4U);
  EXPECT_EQ(list.at("other_mail"), (boost::json::array{"summary", "digest"}));
}

TEST_F(CommandLine, pitfall_105_notice_preview_shows_what_a_sender_reads) {
  EXPECT_EQ(run({"notice", "preview", "dane-mismatch"}), mta::kExitDone) << err();
  EXPECT_THAT(out(), StartsWith("Subject: Not delivered: your message to bob@b.example\n\n"
                                "Your message to bob@b.example was not delivered.\n"));
  EXPECT_EQ(run({"notice", "preview", "null-mx", "--lang", "de-CH"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("Ihre Nachricht an bob@b.example wurde nicht zugestellt.\n"));
  EXPECT_EQ(run({"notice", "preview", "mailbox-full", "--kind", "delayed"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("Next attempts: "));
  EXPECT_EQ(run({"notice", "preview", "--kind", "cleared"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("the delay that we told you of is over"));
  EXPECT_EQ(run({"notice", "preview", "internal", "--html"}), mta::kExitDone);
  EXPECT_THAT(out(), StartsWith("<!DOCTYPE html>\n<html lang=\"en\">"));
  EXPECT_THAT(out(), HasSubstr("postmaster@host.example")) << "as it is configured";
  EXPECT_EQ(run({"notice", "preview", "internal", "--raw"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("\r\nContent-Type: multipart/report;"));
  EXPECT_EQ(run({"notice", "preview", "internal", "--json"}), mta::kExitDone);
  EXPECT_EQ(boost::json::parse(out()).at("language"), "en");
}

TEST_F(CommandLine, pitfall_102_notice_preview_shows_a_summary) {
  EXPECT_EQ(run({"notice", "preview", "summary"}), mta::kExitDone) << err();
  EXPECT_THAT(out(), StartsWith("Subject: 6 more recipients of your messages: "));
  EXPECT_THAT(out(), HasSubstr("\nNot delivered, as far as we know: 3\n"));
  EXPECT_THAT(out(), HasSubstr("postmaster@host.example")) << "as it is configured";
  EXPECT_EQ(run({"notice", "preview", "summary", "--lang", "de-CH"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("\nNach unserer Kenntnis nicht zugestellt: 3\n"));
  EXPECT_EQ(run({"notice", "preview", "summary", "--html"}), mta::kExitDone);
  EXPECT_THAT(out(), StartsWith("<!DOCTYPE html>\n<html lang=\"en\">"));
  EXPECT_EQ(run({"notice", "preview", "summary", "--raw"}), mta::kExitDone);
  EXPECT_THAT(out(), HasSubstr("\r\nContent-Type: multipart/alternative;"));
  EXPECT_EQ(run({"notice", "preview", "summary", "--json", "--lang", "de"}), mta::kExitDone);
  EXPECT_EQ(boost::json::parse(out()).at("language"), "de");
}

TEST_F(CommandLine, notice_preview_shows_what_the_postmaster_gets) {
  EXPECT_EQ(run({"notice", "preview", "digest"}), mta::kExitDone) << err();
  EXPECT_THAT(out(), StartsWith("Subject: host.example: troubles that need your attention: 8"));
  EXPECT_THAT(out(), HasSubstr("[smtp.provider.example]:587: \"the login is refused"));
  EXPECT_EQ(run({"notice", "preview", "digest", "--lang", "de", "--raw"}), mta::kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("To: <postmaster@host.example>\r\n"),
                           HasSubstr("\r\nContent-Language: de\r\n")));
}

TEST_F(CommandLine, notice_preview_that_makes_no_sense_is_64) {
  struct Case {
    std::vector<std::string> words;
    std::string want;
  };
  for (const Case& each :
       {Case{{"dane-mismach"}, "did you mean \"dane-mismatch\"?"},
        Case{{"sumary"}, "did you mean \"summary\"?"},
        Case{{"summary", "--kind", "failed"}, "it takes no --kind"},
        Case{{"what-is-this"}, "see fulmar notice list"}, Case{{}, "name a class"},
        Case{{"null-mx", "--kind", "late"}, "unknown kind \"late\""},
        Case{{"null-mx", "--kind", "delayed"}, "never delayed"},
        Case{{"null-mx", "--lang", "fr"}, "there are no texts in \"fr\", only in: de, en"}}) {
    std::vector<std::string> words = {"notice", "preview"};
    words.insert(words.end(), each.words.begin(), each.words.end());
    EXPECT_EQ(run(words), mta::kExitUsage) << each.want;
    EXPECT_THAT(err(), HasSubstr(each.want));
  }
}

TEST_F(CommandLine, notice_preview_has_the_operators_words) {
  std::ofstream(directory / "f.toml")
      << "[notify]\nlanguage = \"fr\"\ntemplates_dir = \"" << directory / ""
      << "words\"\n";
  ASSERT_TRUE(std::filesystem::create_directory(directory / "words"));
  std::ofstream(directory / "words/fr.toml")
      << "[verdict]\nfailed = \"Le message pour {recipients} n'est pas parti.\"\n";
  EXPECT_EQ(run({"notice", "preview", "null-mx", "--config", directory / "f.toml"}), mta::kExitDone)
      << err();
  EXPECT_THAT(out(), HasSubstr("Le message pour bob@b.example n'est pas parti.\n"));
  std::ofstream(directory / "words/fr.toml") << "[verdict]\nfailed = \"{recipient}\"\n";
  EXPECT_EQ(run({"notice", "list", "--config", directory / "f.toml"}), mta::kExitConfig);
  EXPECT_THAT(err(), HasSubstr("words/fr.toml:2:10: verdict.failed: unknown placeholder"));
}

}  // namespace
}  // namespace fulmar::control
