#include "mta/notice/samples.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/mta/notice/sample_facts.h"

namespace fulmar::notice {
namespace {

TEST(NoticeSamples, every_class_that_can_reach_a_sender_in_the_order_of_Errc) {
  std::vector<Errc> all;
  for (int code = static_cast<int>(Errc::store_failed);
       code <= static_cast<int>(Errc::administrative); ++code)
    all.push_back(static_cast<Errc>(code));
  EXPECT_EQ(classes_that_reach_a_sender(), all);
}

TEST(NoticeSamples, each_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (const SampleClass& each : sample_classes()) {
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_EQ(find_sample_class(each.name), &each);
  }
  EXPECT_EQ(find_sample_class("nonsense"), nullptr);
}

TEST(NoticeSamples, kinds_have_names) {
  for (const NoticeKind kind : kNoticeKinds)
    EXPECT_EQ(parse_kind(to_string(kind)), kind);
  EXPECT_EQ(parse_kind("late"), std::nullopt);
  EXPECT_EQ(parse_kind(""), std::nullopt);
}

}  // namespace
}  // namespace fulmar::notice
