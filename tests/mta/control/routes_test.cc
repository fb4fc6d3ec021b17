#include "mta/control/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/serialize.hpp>

#include "tests/mta/control/fake_operations.h"

namespace fulmar::control {
namespace {

constexpr std::string_view kId = "01JD0000000000000010";

Response respond(FakeOperations& operations, const Request& request) {
  const auto call = parse_call(request);
  if (!call) return error_response(call.error());
  boost::asio::io_context context;
  auto response =
      boost::asio::co_spawn(context, carry_out(operations, *call), boost::asio::use_future);
  context.run();
  return response.get();
}

struct Case {
  std::string name;
  Request request;
  std::string asked;  // what reached the operations; empty: nothing may
  unsigned status = 200;
};

const std::vector<Case>& cases() {
  static const std::string id(kId);
  static const std::vector<Case> kCases = {
      {"status", {"GET", "/v1/status", ""}, "status"},
      {"list_all", {"GET", "/v1/queue", ""}, "list {}"},
      {"list_filtered",
       {"GET",
        "/v1/queue?domain=B.example&sender=%3C%3E&older_than=2h&reason=dane-mismatch&id=" + id, ""},
       R"(list {"sender":"<>","domain":"b.example","older_than":"2h","reason":"dane-mismatch","id":["01JD0000000000000010"]})"},
      {"show", {"GET", "/v1/queue/" + id, ""}, "show 01JD0000000000000010"},
      {"retry",
       {"POST", "/v1/queue/retry", R"({"filter":{"domain":"b.example"}})"},
       R"(retry {"domain":"b.example"})"},
      {"retry_all", {"POST", "/v1/queue/retry", R"({"all":true})"}, "retry {}"},
      {"delete",
       {"POST", "/v1/queue/delete",
        R"({"filter":{"id":["01JD0000000000000010"]},"reason":"spam"})"},
       R"(delete {"id":["01JD0000000000000010"]} because spam)"},
      {"hold",
       {"POST", "/v1/queue/hold", R"({"filter":{"state":"queued"}})"},
       R"(hold {"state":"queued"})"},
      {"release", {"POST", "/v1/queue/release", R"({"all":true})"}, "release {}"},
      {"bounce",
       {"POST", "/v1/queue/bounce", R"({"all":true,"reason":" too\nmuch "})"},
       "bounce {} because too?much"},
      {"quarantine", {"GET", "/v1/quarantine", ""}, "quarantine"},
      {"suspend",
       {"POST", "/v1/suspensions", R"({"domain":"B.example","for":"2h","reason":"they move"})"},
       "suspend b.example for 7200 s because they move"},
      {"suspend_below",
       {"POST", "/v1/suspensions", R"({"domain":".example","for":"1s","reason":"x"})"},
       "suspend .example for 1 s because x"},
      {"resume", {"DELETE", "/v1/suspensions/b.example", ""}, "resume b.example"},
      {"resume_all", {"DELETE", "/v1/suspensions/%2A", ""}, "resume *"},
      {"suspended", {"GET", "/v1/suspensions", ""}, "suspended"},
      {"policies", {"GET", "/v1/policies", ""}, "policies"},
      {"policy", {"GET", "/v1/policies/b.example", ""}, "policy b.example"},
      {"policy_refresh", {"POST", "/v1/policies/b.example/refresh", ""}, "refresh b.example"},
      {"policy_forget", {"DELETE", "/v1/policies/b.example", ""}, "forget b.example"},
      {"explain", {"POST", "/v1/explain", R"({"target":"a@b.example"})"}, "explain a@b.example"},
      {"explain_connect",
       {"POST", "/v1/explain", R"({"target":"b.example","connect":true})"},
       "explain b.example with connect"},

      {"root", {"GET", "/", ""}, "", 404},
      {"other_version", {"GET", "/v2/status", ""}, "", 404},
      {"unknown", {"GET", "/v1/nothing", ""}, "", 404},
      {"unknown_below_queue", {"POST", "/v1/queue/burn", ""}, "", 404},
      {"too_deep_below_suspensions", {"DELETE", "/v1/suspensions/a/b", ""}, "", 404},
      {"too_deep", {"GET", "/v1/status/more", ""}, "", 404},
      {"not_a_path", {"GET", "status", ""}, "", 400},
      {"wrong_method", {"POST", "/v1/status", ""}, "", 400},
      {"delete_by_get", {"DELETE", "/v1/queue", ""}, "", 400},
      {"unknown_condition", {"GET", "/v1/queue?colour=red", ""}, "", 400},
      {"bad_id", {"GET", "/v1/queue/xyz", ""}, "", 400},
      {"bad_duration", {"GET", "/v1/queue?older_than=soon", ""}, "", 400},
      {"bad_class", {"GET", "/v1/queue?reason=sadness", ""}, "", 400},
      {"twice", {"GET", "/v1/queue?sender=a&sender=b", ""}, "", 400},
      {"retry_without_condition", {"POST", "/v1/queue/retry", "{}"}, "", 400},
      {"delete_without_condition", {"POST", "/v1/queue/delete", R"({"reason":"oops"})"}, "", 400},
      {"delete_with_empty_filter",
       {"POST", "/v1/queue/delete", R"({"filter":{},"all":false})"},
       "",
       400},
      {"delete_with_misspelt_filter",
       {"POST", "/v1/queue/delete", R"({"fliter":{"domain":"b.example"},"all":true})"},
       "",
       400},
      {"delete_with_empty_id_list",
       {"POST", "/v1/queue/delete", R"({"filter":{"id":[]}})"},
       "",
       400},
      {"hold_without_condition", {"POST", "/v1/queue/hold", "{}"}, "", 400},
      {"hold_with_reason", {"POST", "/v1/queue/hold", R"({"all":true,"reason":"x"})"}, "", 400},
      {"bounce_without_condition", {"POST", "/v1/queue/bounce", R"({"reason":"x"})"}, "", 400},
      {"bounce_without_reason", {"POST", "/v1/queue/bounce", R"({"all":true})"}, "", 400},
      {"bounce_with_empty_reason",
       {"POST", "/v1/queue/bounce", R"({"all":true,"reason":" "})"},
       "",
       400},
      {"unknown_state", {"GET", "/v1/queue?state=happy", ""}, "", 400},
      {"state_twice", {"GET", "/v1/queue?state=held&state=queued", ""}, "", 400},
      {"suspend_nothing", {"POST", "/v1/suspensions", R"({"for":"1h","reason":"x"})"}, "", 400},
      {"suspend_no_domain",
       {"POST", "/v1/suspensions", R"({"domain":"a..b","for":"1h","reason":"x"})"},
       "",
       400},
      {"suspend_for_ever",
       {"POST", "/v1/suspensions", R"({"domain":"b.example","for":"366d","reason":"x"})"},
       "",
       400},
      {"suspend_without_time",
       {"POST", "/v1/suspensions", R"({"domain":"b.example","reason":"x"})"},
       "",
       400},
      {"suspend_without_reason",
       {"POST", "/v1/suspensions", R"({"domain":"b.example","for":"1h"})"},
       "",
       400},
      {"resume_nothing", {"DELETE", "/v1/suspensions", ""}, "", 400},
      {"show_a_suspension", {"GET", "/v1/suspensions/b.example", ""}, "", 400},
      {"not_json", {"POST", "/v1/queue/retry", "all of them"}, "", 400},
      {"not_an_object", {"POST", "/v1/queue/retry", "[]"}, "", 400},
      {"deep_json", {"POST", "/v1/queue/retry", std::string(100'000, '[')}, "", 400},
      {"all_not_bool", {"POST", "/v1/queue/retry", R"({"all":"yes"})"}, "", 400},
      {"explain_nothing", {"POST", "/v1/explain", "{}"}, "", 400},
      {"policy_of_the_root", {"GET", "/v1/policies/.", ""}, "", 400},
  };
  return kCases;
}

TEST(Routes, lead_to_operations) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    FakeOperations operations;
    const Response response = respond(operations, each.request);
    EXPECT_EQ(response.status, each.status) << boost::json::serialize(response.body);
    const std::vector<std::string> want =
        each.asked.empty() ? std::vector<std::string>{} : std::vector{each.asked};
    EXPECT_EQ(operations.asked, want);
    const auto* body = response.body.if_object();
    EXPECT_EQ(body != nullptr && body->contains("error"), each.status != 200);
  }
}

TEST(Routes, errors_of_operations_become_statuses) {
  struct Row {
    Errc code;
    unsigned status;
  };
  for (const Row& row : {Row{Errc::not_found, 404}, Row{Errc::invalid_argument, 400},
                         Row{Errc::store_failed, 503}, Row{Errc::cancelled, 503}}) {
    FakeOperations operations;
    operations.answer = fail(row.code, "what\nhappened");
    const Response response = respond(operations, {"GET", "/v1/policies", ""});
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(boost::json::serialize(response.body), R"({"error":{"class":")" +
                                                         std::string(to_string(row.code)) +
                                                         R"(","detail":"what?happened"}})");
  }
}

TEST(Routes, what_dials_or_writes_much_may_take_longer) {
  EXPECT_EQ(patience(*parse_call({"GET", "/v1/status", ""})), std::chrono::seconds(30));
  EXPECT_EQ(patience(*parse_call({"POST", "/v1/explain", R"({"target":"b.example"})"})),
            std::chrono::minutes(5));
  for (const char* verb : {"retry", "hold", "release", "bounce", "delete"}) {
    const std::string body =
        verb == std::string_view("bounce") ? R"({"all":true,"reason":"x"})" : R"({"all":true})";
    EXPECT_EQ(patience(*parse_call({"POST", std::string("/v1/queue/") + verb, body})),
              std::chrono::minutes(5));
  }
}

TEST(Routes, a_reason_is_one_line_of_bounded_length) {
  const auto call = parse_call(
      {"POST", "/v1/queue/bounce", R"({"all":true,"reason":")" + std::string(2000, 'x') + R"("})"});
  ASSERT_TRUE(call);
  EXPECT_EQ(std::get<QueueBounce>(*call).reason, std::string(kMaxReason, 'x') + "[...]");
}

TEST(QueueFilter, survives_the_query_and_json) {
  const auto filter = filter_from_conditions({{"sender", "a+b&c=d@e.example"},
                                              {"older-than", "90s"},
                                              {"id", std::string(kId)},
                                              {"state", "held"},
                                              {"recipient", "x@y.example"}});
  ASSERT_TRUE(filter);
  const auto call = parse_call({"GET", "/v1/queue?" + filter_to_query(*filter), ""});
  ASSERT_TRUE(call);
  EXPECT_EQ(filter_to_json(std::get<QueueList>(*call).filter), filter_to_json(*filter));
  EXPECT_EQ(filter_to_json(*filter_from_json(filter_to_json(*filter))), filter_to_json(*filter));
  EXPECT_FALSE(means_everything(*filter));
  EXPECT_TRUE(means_everything(QueueFilter{}));
}

}  // namespace
}  // namespace fulmar::control
