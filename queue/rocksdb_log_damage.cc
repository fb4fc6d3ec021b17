#include "queue/rocksdb_log_damage.h"

#include <boost/crc.hpp>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace fulmar::queue {
namespace {

// RocksDB's format of log files: blocks of 32 KB; in them fragments, each behind a header of four
// octets of checksum, two of length and one of type.
constexpr std::size_t kBlock = 32UL << 10;
constexpr std::size_t kHeader = 7;
enum Type : std::uint8_t { full = 1, first = 2, middle = 3, last = 4 };

std::uint32_t number(std::string_view octets) {
  std::uint32_t value = 0;
  for (std::size_t i = octets.size(); i > 0; --i)
    value = value << 8 | static_cast<std::uint8_t>(octets[i - 1]);
  return value;
}

/// CRC-32C, turned and shifted so that a checksum of checksums makes no trouble.
std::uint32_t checksum(std::string_view octets) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(octets.data(), octets.size());
  const std::uint32_t sum = crc.checksum();
  return (sum >> 15 | sum << 17) + 0xA282EAD8U;
}

/// Goes through a file block by block.
class Reader {
 public:
  /// `at` is the block's place in the file.
  void block(std::string_view octets, std::uint64_t at) {
    while (octets.size() >= kHeader) {
      const std::size_t size = kHeader + number(octets.substr(4, 2));
      const auto type = static_cast<std::uint8_t>(octets[6]);
      const bool whole = size <= octets.size() && type >= full && type <= last &&
                         checksum(octets.substr(6, size - 6)) == number(octets.substr(0, 4));
      if (!whole) {
        // The rest of the block is dropped, and the record that came as far as here with it.
        lost_.insert(lost_.end(), record_.begin(), record_.end());
        record_.clear();
        return;
      }
      fragment(type, at);
      octets.remove_prefix(size);
      at += size;
    }
  }

  /// Places of fragments that cannot be completed.
  [[nodiscard]] const std::vector<std::uint64_t>& lost() const { return lost_; }

 private:
  void fragment(std::uint8_t type, std::uint64_t at) {
    if (type != middle) record_.clear();
    if (type == first || (type == middle && !record_.empty())) record_.push_back(at);
  }

  std::vector<std::uint64_t> record_;  ///< Of the record that is not complete yet.
  std::vector<std::uint64_t> lost_;
};

Error failed(const std::string& path) {
  return make_error(Errc::io, path + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<> spoil_records_with_damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  if (!file) return fail(failed(path));
  Reader reader;
  std::string block(kBlock, '\0');
  for (std::uint64_t at = 0; file; at += kBlock) {
    file.read(block.data(), static_cast<std::streamsize>(kBlock));
    reader.block(std::string_view(block).substr(0, static_cast<std::size_t>(file.gcount())), at);
  }
  if (file.bad()) return fail(failed(path));
  file.clear();
  for (const std::uint64_t at : reader.lost()) {
    const auto place = static_cast<std::streamoff>(at);
    file.seekg(place);
    const int octet = file.get();
    file.seekp(place);
    file.put(static_cast<char>(octet ^ 1));
  }
  file.flush();
  if (!file) return fail(failed(path));
  return {};
}

}  // namespace fulmar::queue
