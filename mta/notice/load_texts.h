// The texts of notices with the operator's folder over them. Reads files, so never on a thread
// that must not wait for the disk; everything else about texts is pure (texts.h).
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/load.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// Texts::with() of every regular file of `folder` whose name ends in ".toml"; the built-in texts
/// when `folder` is empty. A folder or file that cannot be read, is too big or has no language for
/// its name is a Problem too.
[[nodiscard]] std::expected<Texts::Pointer, std::vector<conf::Problem>> load_texts(
    const std::string& folder);

/// The same for [notify] templates_dir. It is a Problem when there are no texts in the configured
/// language.
[[nodiscard]] std::expected<Texts::Pointer, std::vector<conf::Problem>> load_texts(
    const conf::Notify& notify);

}  // namespace fulmar::notice
