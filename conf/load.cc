#include "conf/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "base/ascii.h"
#include "conf/apply.h"
#include "conf/rules.h"
#include "conf/schema.h"
#include "conf/toml_reader.h"
#include "conf/types.h"

namespace fulmar::conf {
namespace {

constexpr std::size_t kMaxFile = 1'000'000;
constexpr std::size_t kMaxMessage = 1000;
constexpr std::string_view kLastResortName = "localhost.localdomain";

/// What a file left to the machine, filled in. A Config that cannot be completed gets a Fault
/// without a position.
void apply_system(Applied& applied, const SystemFacts& system) {
  Config& config = applied.config;
  if (!applied.origins.contains("hostname")) {
    const std::string name(system.fqdn.empty() ? kLastResortName : system.fqdn);
    auto hostname = host_name().read({.at = {}, .data = name});
    if (!hostname) {
      applied.faults.push_back(
          {{},
           "hostname: must be set in the file, because the system's own name will not do: it " +
               hostname.error().front().what});
      return;
    }
    config.hostname = *std::move(hostname);
  }
  if (applied.origins.contains("postmaster") || config.hostname.is_root()) return;
  config.postmaster = "postmaster@" + config.hostname.str();
  const auto mailbox = Mailbox::parse(config.postmaster);
  if (!mailbox) {
    applied.faults.push_back({{},
                              "postmaster: must be set in the file, because " + config.postmaster +
                                  " will not do: " + mailbox.error().detail});
  }
}

/// Each entry learns where it stands, to be named wherever it has effect.
void name_destinations(Applied& applied, const std::string& file) {
  for (std::size_t i = 0; i < applied.config.destinations.size(); ++i) {
    const Position at = applied.origins.at(fmt::format("destination[{}]", i)).key;
    applied.config.destinations[i].where = fmt::format("{}:{}", file, at.line);
  }
}

std::vector<Setting> list_settings(const Applied& applied, const std::string& file,
                                   const SystemFacts& system) {
  std::vector<Setting> settings;
  const auto add = [&](const std::string& name, std::string value) {
    const auto found = applied.origins.find(name);
    std::string origin = name == "hostname" && !system.fqdn.empty() ? "system" : "default";
    if (found != applied.origins.end()) {
      origin = fmt::format("{}:{}", file, found->second.key.line);
    }
    settings.push_back({name, std::move(value), std::move(origin)});
  };
  for (const Table& table : schema()) {
    const bool is_array = table.shape == Table::Shape::array;
    if (!table.missing.empty()) continue;
    const std::size_t elements = is_array ? table.size(applied.config) : 1;
    if (elements == 0) add(std::string(table.name), "[]");
    for (std::size_t i = 0; i < elements; ++i) {
      for (const Key& key : table.keys) {
        if (key.show) add(setting_name(table.name, i, key.name), key.show(applied.config, i));
      }
    }
  }
  return settings;
}

Problem to_problem(const std::string& file, const Fault& fault) {
  return {file, fault.at.line, fault.at.column, sanitize_line(fault.what, kMaxMessage)};
}

std::vector<Problem> to_problems(const std::string& file, std::vector<Fault> faults) {
  std::ranges::stable_sort(faults, {}, &Fault::at);
  std::vector<Problem> problems;
  for (const Fault& fault : faults)
    problems.push_back(to_problem(file, fault));
  return problems;
}

/// The file's octets, or what the system says about it. A directory opens, and fails at the first
/// read.
Result<std::string> read_file(const std::string& path) {
  const auto because = [] { return std::error_code(errno, std::generic_category()).message(); };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             std::fclose);
  if (!file) return fail(Errc::io, "cannot be read: " + because());
  std::string text;
  std::array<char, 16'384> block{};
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block.data(), got);
    if (text.size() > kMaxFile)
      return fail(Errc::limit, "is over 1 MB, too big for a configuration");
  }
  if (std::ferror(file.get()) != 0) return fail(Errc::io, "cannot be read: " + because());
  return text;
}

}  // namespace

std::string to_string(const Problem& problem) {
  if (problem.line == 0) return fmt::format("{}: {}", problem.file, problem.message);
  return fmt::format("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.message);
}

std::expected<Loaded, std::vector<Problem>> load_text(std::string_view toml,
                                                      const std::string& file,
                                                      const SystemFacts& system) {
  const auto document = read_toml(toml);
  if (!document) return std::unexpected(to_problems(file, {document.error()}));
  Applied applied = apply(*document);
  const std::vector<Fault> broken = check_rules(applied);
  applied.faults.insert(applied.faults.end(), broken.begin(), broken.end());
  apply_system(applied, system);
  if (!applied.faults.empty()) {
    return std::unexpected(to_problems(file, std::move(applied.faults)));
  }
  name_destinations(applied, file);
  std::vector<Setting> settings = list_settings(applied, file, system);
  return Loaded{std::move(applied.config), std::move(settings)};
}

std::expected<Loaded, std::vector<Problem>> load_file(const std::string& path,
                                                      const SystemFacts& system) {
  const auto text = read_file(path);
  if (!text) {
    return std::unexpected(std::vector{to_problem(path, {{}, text.error().detail})});
  }
  return load_text(*text, path, system);
}

}  // namespace fulmar::conf
