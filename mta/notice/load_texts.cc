#include "mta/notice/load_texts.h"

#include <fmt/format.h>
#include <iterator>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/ascii.h"
#include "base/language_tag.h"
#include "base/regular_file.h"
#include "base/result.h"
#include "mta/notice/language.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxFile = 256 * 1024;
constexpr std::size_t kMaxLanguages = 100;

/// Not those that editors keep beside it, such as ".#de.toml".
bool is_text_file(const std::filesystem::path& path) {
  return path.extension() == ".toml" && !path.filename().string().starts_with('.');
}

Result<std::vector<std::filesystem::path>> list_files(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_text_file(entry->path())) paths.push_back(entry->path());
    if (paths.size() > kMaxLanguages)
      return fail(Errc::limit, fmt::format("holds over {} files of texts", kMaxLanguages));
  }
  if (error) return fail(Errc::io, "cannot be read: " + error.message());
  // A folder has no order of its own, errors should.
  std::ranges::sort(paths);
  return paths;
}

Result<TextFile> read_text_file(const std::filesystem::path& path) {
  const std::string tag = path.stem().string();
  if (!is_language_tag(tag)) {
    return fail(Errc::invalid_argument,
                R"(must have a language for its name, such as "fr.toml" or "de-AT.toml")");
  }
  FULMAR_TRY(const RegularFile file, RegularFile::open(path.string()));
  FULMAR_TRY(std::string content, file.read(kMaxFile, "is over 256 KB, too big for texts"));
  return TextFile{.path = path.string(), .tag = tag, .content = std::move(content)};
}

conf::Problem problem_with(const std::string& path, const Error& error) {
  return {.file = sanitize_line(path, 4096), .message = error.detail};
}

}  // namespace

std::expected<Texts::Pointer, std::vector<conf::Problem>> load_texts(const std::string& folder) {
  if (folder.empty()) return Texts::built_in();
  const auto paths = list_files(folder);
  if (!paths) return std::unexpected(std::vector{problem_with(folder, paths.error())});
  std::vector<TextFile> files;
  std::vector<conf::Problem> problems;
  for (const std::filesystem::path& path : *paths) {
    auto file = read_text_file(path);
    if (file) {
      files.push_back(*std::move(file));
    } else {
      problems.push_back(problem_with(path.string(), file.error()));
    }
  }
  auto texts = Texts::with(files);
  if (problems.empty()) return texts;
  // What is wrong inside the others belongs to the same run.
  if (!texts) std::ranges::move(texts.error(), std::back_inserter(problems));
  return std::unexpected(std::move(problems));
}

std::expected<Texts::Pointer, std::vector<conf::Problem>> load_texts(const conf::Notify& notify) {
  auto texts = load_texts(notify.templates_dir);
  if (!texts) return texts;
  const auto language = find_language(notify.language, (*texts)->tags());
  if (language) return texts;
  return std::unexpected(
      std::vector{conf::Problem{.file = "notify.language", .message = language.error().detail}});
}

}  // namespace fulmar::notice
