// conf/fulmar.toml says what the defaults are; these tests hold it to that.
#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "conf/schema.h"
#include "tests/conf/loading.h"

namespace fulmar::conf {
namespace {

using testing::HasSubstr;

constexpr std::string_view kMissingMark = "# not in this version yet:";

std::vector<std::string> sample_lines() {
  std::ifstream file(std::string(FULMAR_SOURCE_DIR) + "/conf/fulmar.toml");
  EXPECT_TRUE(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + '\n';
  return text;
}

bool is_optional_key(std::string_view line) {
  return line.size() > 1 && line[0] == '#' &&
         (line[1] == '[' || (line[1] >= 'a' && line[1] <= 'z'));
}

std::vector<std::pair<std::string, std::string>> values(const Loaded& loaded) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const Setting& each : loaded.settings)
    result.emplace_back(each.key, each.value);
  return result;
}

TEST(Sample, equals_the_defaults) {
  EXPECT_EQ(values(loaded_from(joined(sample_lines()))), values(loaded_from("")));
}

TEST(Sample, with_its_optional_keys_still_loads) {
  std::vector<std::string> lines = sample_lines();
  std::size_t optional = 0;
  for (std::string& line : lines) {
    if (!is_optional_key(line)) continue;
    line.erase(0, 1);
    ++optional;
  }
  EXPECT_EQ(optional, 20U)
      << "hostname, postmaster, certificate, private_key, [[user]], [[destination]]";
  const Loaded loaded = loaded_from(joined(lines));
  EXPECT_EQ(loaded.config.postmaster, "postmaster@example.com");
  EXPECT_EQ(loaded.config.listen.at(0).private_key, "/etc/fulmar/tls/key.pem");
}

TEST(Sample, shows_every_supported_key) {
  std::vector<std::string> lines = sample_lines();
  for (std::string& line : lines) {
    if (is_optional_key(line)) line.erase(0, 1);
  }
  // Only the first listener is written out; the second one shows how little is needed.
  for (const Setting& each : loaded_from(joined(lines)).settings) {
    if (each.key.starts_with("listen[1]")) continue;
    EXPECT_THAT(each.origin, HasSubstr("f.toml:")) << each.key;
  }
}

TEST(Sample, shows_every_missing_key_as_missing) {
  std::vector<std::string> lines = sample_lines();
  bool missing = false;
  for (std::string& line : lines) {
    missing = line == kMissingMark || (missing && !line.empty());
    if (missing && line != kMissingMark) line.erase(0, 2);
  }
  const std::string errors = fmt::format("{}", fmt::join(errors_of(joined(lines)), "\n"));
  std::size_t expected = 0;
  for (const Table& table : schema()) {
    for (const Key& key : table.keys) {
      if (key.missing.empty()) continue;
      ++expected;
      EXPECT_THAT(errors, HasSubstr(fmt::format(": {}: {}", key_path(table, key.name),
                                                not_yet(key.missing))));
    }
  }
  EXPECT_EQ(errors_of(joined(lines)).size(), expected) << "nothing else is wrong with it:\n"
                                                       << errors;
}

TEST(Sample, has_a_sentence_before_every_key) {
  const std::vector<std::string> lines = sample_lines();
  std::string above;
  for (const std::string& line : lines) {
    const bool is_key = !line.starts_with('#') && line.find(" = ") != std::string::npos;
    const bool paired = above.find(" = ") != std::string::npos && !above.starts_with("# ");
    const bool second_listener = above == "[[listen]]";
    EXPECT_TRUE(!is_key || above.starts_with("# ") || paired || second_listener) << line;
    above = line;
  }
}

}  // namespace
}  // namespace fulmar::conf
