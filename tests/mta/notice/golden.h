// Mail of ours as it goes out, held against files. FULMAR_UPDATE_GOLDEN=1 writes them anew; read
// the difference before it is committed.
#pragma once

#include <string>

namespace fulmar::notice {

/// tests/golden/`name` holds `mail`. The files have LF line ends; mail has CRLF.
void expect_golden(const std::string& name, const std::string& mail);

}  // namespace fulmar::notice
