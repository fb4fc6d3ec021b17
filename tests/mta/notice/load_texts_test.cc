// The operator's folder of texts: which files count, and what is said about those that will not do.
#include "mta/notice/load_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/mta/notice/shown.h"

namespace fulmar::notice {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/texts." + std::to_string(::getpid());
    std::filesystem::create_directory(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << content;
  }
  std::string path_;
};

TEST_F(Folder, its_toml_files_are_languages) {
  write("fr.toml", "[date]\nmay = \"mai\"\n");
  write("README", "not a text");
  write(".#fr.toml", "an editor's");
  const auto texts = load_texts(path_);
  ASSERT_TRUE(texts);
  EXPECT_THAT((*texts)->tags(), ElementsAre("de", "en", "fr"));
}

TEST_F(Folder, none_is_given) {
  EXPECT_EQ(load_texts("").value(), Texts::built_in());
}

TEST_F(Folder, what_is_wrong_names_the_file) {
  write("fr.toml", "[date]\nmay = 5\n");
  write("it.toml", "[date]\nmai = \"maggio\"\n");
  write("french.toml", "");
  write("FR.toml", "");
  write("de-at.toml", "");
  write("nl.toml", std::string(256 * 1024 + 1, '#'));
  std::filesystem::create_directory(path_ + "/es.toml");
  ASSERT_EQ(::mkfifo((path_ + "/sv.toml").c_str(), 0600), 0);
  std::filesystem::create_symlink("nowhere", path_ + "/pl.toml");
  const auto texts = load_texts(path_);
  ASSERT_FALSE(texts);
  const std::string not_a_language =
      R"(must have a language for its name, such as "fr.toml" or "de-AT.toml")";
  EXPECT_THAT(
      shown(texts.error()),
      ElementsAre(path_ + "/FR.toml: " + not_a_language, path_ + "/de-at.toml: " + not_a_language,
                  path_ + "/es.toml: is not a regular file",
                  path_ + "/french.toml: " + not_a_language,
                  path_ + "/nl.toml: is over 256 KB, too big for texts",
                  path_ + "/pl.toml: cannot be read: No such file or directory",
                  path_ + "/sv.toml: is not a regular file",
                  path_ + "/fr.toml:2:7: date.may must be text in quotes, not a whole number",
                  path_ + "/it.toml:2:1: unknown text in [date]: \"mai\"; did you mean "
                          "\"may\"?"));
}

TEST_F(Folder, is_not_there) {
  const auto texts = load_texts(path_ + "/none");
  ASSERT_FALSE(texts);
  EXPECT_THAT(shown(texts.error()),
              ElementsAre(path_ + "/none: cannot be read: No such file or directory"));
}

TEST_F(Folder, the_configured_language_has_texts) {
  write("pt-BR.toml", "");
  for (const char* language : {"en", "de", "de-CH", "pt-BR", "pt"})
    EXPECT_TRUE(load_texts(conf::Notify{.language = language, .templates_dir = path_})) << language;
  const auto texts = load_texts(conf::Notify{.language = "fr", .templates_dir = path_});
  ASSERT_FALSE(texts);
  EXPECT_THAT(shown(texts.error()),
              ElementsAre("notify.language: there are no texts in \"fr\", only in: de, en, pt-BR"));
}

TEST_F(Folder, has_too_many_files) {
  for (int i = 0; i < 101; ++i)
    write("x" + std::to_string(i) + ".toml", "");
  const auto texts = load_texts(path_);
  ASSERT_FALSE(texts);
  EXPECT_THAT(texts.error(), SizeIs(1));
}

}  // namespace
}  // namespace fulmar::notice
