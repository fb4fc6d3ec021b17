// Reads the operator's folder of texts. Everything else about texts is pure; see texts.h.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/ascii.h"
#include "base/file_descriptor.h"
#include "base/language_tag.h"
#include "base/result.h"
#include "mta/notice/language.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kMaxFile = 256 * 1024;
constexpr std::size_t kMaxLanguages = 100;

std::string last_error() {
  return std::error_code(errno, std::generic_category()).message();
}

/// A pipe or a device is refused before it can keep us waiting.
Result<std::string> read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0)
    return fail(Errc::io, "cannot be read: " + last_error());
  if (!S_ISREG(facts.st_mode)) return fail(Errc::io, "is not a regular file");
  std::string content;
  std::array<char, 16'384> block{};
  for (;;) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::io, "cannot be read: " + last_error());
    if (got == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > kMaxFile) return fail(Errc::limit, "is over 256 KB, too big for texts");
  }
}

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
  FULMAR_TRY(std::string content, read_file(path.string()));
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
  const auto& tags = (*texts)->tags();
  const std::string found = choose_language("", notify.language, tags);
  if (primary_language(found) == primary_language(notify.language)) return texts;
  return std::unexpected(
      std::vector{conf::Problem{.file = "notify.language",
                                .message = fmt::format("there are no texts in \"{}\", only in: {}",
                                                       notify.language, fmt::join(tags, ", "))}});
}

}  // namespace fulmar::notice
