// Damage in a log file of RocksDB, as far as its reader does not cope with it by itself.
#pragma once

#include <string>

#include "base/result.h"

namespace fulmar::queue {

/// Makes a damaged log file fit for WALRecoveryMode::kSkipAnyCorruptedRecords, which loses nothing
/// more by it. RocksDB 7.8 keeps a checksum over the fragments of a record and forgets to begin it
/// anew when it drops a record in the middle; it then takes the next long record for damaged and
/// gives up. So the fragments in front of a damaged one, which are lost with it, are made
/// unreadable too. A file without damage stays as it is. Errc::io with the path.
[[nodiscard]] Result<> spoil_records_with_damage(const std::string& path);

}  // namespace fulmar::queue
