// Which HTTP responses are policies.
#include "tls/policy_response.h"

#include <gtest/gtest.h>

namespace fulmar::tls {
namespace {

struct Case {
  const char* name;
  PolicyResponseHead head;
  std::optional<Errc> error = std::nullopt;
};

class PolicyResponseTable : public ::testing::TestWithParam<Case> {};

TEST_P(PolicyResponseTable, Checks) {
  const Result<> got = check_policy_response(GetParam().head);
  ASSERT_EQ(got.has_value(), !GetParam().error);
  if (!got) {
    EXPECT_EQ(got.error().code, *GetParam().error);
  }
}

INSTANTIATE_TEST_SUITE_P(
    PolicyResponse, PolicyResponseTable,
    ::testing::Values(Case{"good", {200, "text/plain", ""}},
                      Case{"STS_16_parameters", {200, "text/plain;charset=x;foo=1", ""}},
                      Case{"pitfall_16_another_case", {200, "Text/Plain; charset=UTF-8", ""}},
                      Case{"blanks", {200, " text/plain ; charset=utf-8", ""}},
                      Case{"identity", {200, "text/plain", "Identity"}},
                      Case{"html", {200, "text/html", ""}, Errc::syntax},
                      Case{"a_longer_type", {200, "text/plainer", ""}, Errc::syntax},
                      Case{"no_type", {200, "", ""}, Errc::syntax},
                      Case{"pitfall_11_gzip", {200, "text/plain", "gzip"}, Errc::syntax},
                      Case{"STS_14_201", {201, "text/plain", ""}, Errc::io},
                      Case{"STS_14_204", {204, "text/plain", ""}, Errc::io},
                      Case{"STS_14_206", {206, "text/plain", ""}, Errc::io},
                      Case{"pitfall_8_301", {301, "text/plain", ""}, Errc::io},
                      Case{"pitfall_8_302", {302, "text/plain", ""}, Errc::io},
                      Case{"pitfall_8_307", {307, "text/plain", ""}, Errc::io},
                      Case{"STS_15_304", {304, "text/plain", ""}, Errc::io},
                      Case{"STS_14_404", {404, "text/plain", ""}, Errc::io},
                      Case{"STS_14_500", {500, "text/plain", ""}, Errc::io}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace fulmar::tls
