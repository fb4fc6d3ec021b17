#include "mta/control/unix_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/log.h"

namespace fulmar::control {
namespace {

namespace asio = boost::asio;
using Protocol = asio::local::stream_protocol;

constexpr std::size_t kMaxGroups = 65536;  // NGROUPS_MAX of Linux

std::unexpected<Error> socket_error(const std::string& path, const std::string& why) {
  return fail(Errc::io, "control socket " + path + ": " + why);
}

/// Makes room at `path` for a new socket.
Result<> clear_path(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return socket_error(path, std::strerror(errno));
  }
  if (!S_ISSOCK(found.st_mode))
    return socket_error(path, "there is a file of another kind at this path");
  asio::io_context context;
  Protocol::socket probe(context);
  boost::system::error_code ec;
  probe.connect(Protocol::endpoint(path), ec);
  if (!ec) return socket_error(path, "another daemon is listening there");
  if (ec != asio::error::connection_refused) return socket_error(path, ec.message());
  // Left behind by a process that was killed.
  if (::unlink(path.c_str()) != 0) return socket_error(path, std::strerror(errno));
  return {};
}

/// Nobody can connect before listen(), so there is no moment with the wrong mode.
Result<> set_access(const std::string& path, std::optional<gid_t> group) {
  bool shared = false;
  if (group) {
    shared = ::chown(path.c_str(), static_cast<uid_t>(-1), *group) == 0;
    if (!shared) {
      log_warn("control socket: its group cannot be set, so only our own user and root may use it",
               {{"socket", path}, {"why", std::strerror(errno)}});
    }
  }
  if (::chmod(path.c_str(), shared ? 0660 : 0600) != 0)
    return socket_error(path, std::strerror(errno));
  return {};
}

/// All groups of the peer, as the kernel recorded them when it connected; no look-up of names, so
/// nothing blocks.
std::vector<gid_t> supplementary_groups(int socket) {
  std::vector<gid_t> groups(64);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
    // On ERANGE `size` is what would be needed.
    if (errno != ERANGE || size > kMaxGroups * sizeof(gid_t)) return {};
    groups.resize(size / sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return {};
  }
  groups.resize(size / sizeof(gid_t));
  return groups;
}

bool is_member(const std::vector<gid_t>& groups, gid_t group) {
  return std::ranges::find(groups, group) != groups.end();
}

}  // namespace

std::optional<gid_t> find_group(const std::string& name) {
  if (name.empty()) return std::nullopt;
  group entry{};
  group* found = nullptr;
  std::vector<char> memory(16384);
  while (::getgrnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found) == ERANGE) {
    if (memory.size() > 16U << 20) return std::nullopt;
    memory.resize(memory.size() * 2);
  }
  if (found == nullptr) return std::nullopt;
  return entry.gr_gid;
}

Result<Acceptor> listen_on(const std::string& path, std::optional<gid_t> group,
                           const asio::any_io_executor& executor) {
  const auto directory = std::filesystem::path(path).parent_path();
  boost::system::error_code ec;
  std::error_code missing;
  if (!std::filesystem::is_directory(directory, missing)) {
    return socket_error(path, "the directory " + directory.string() + " does not exist");
  }
  FULMAR_TRY_VOID(clear_path(path));
  Acceptor acceptor(executor);
  acceptor.open(Protocol(), ec);
  if (!ec) acceptor.bind(Protocol::endpoint(path), ec);
  if (ec) return socket_error(path, ec.message());
  FULMAR_TRY_VOID(set_access(path, group));
  acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return socket_error(path, ec.message());
  return acceptor;
}

bool may_control(int socket, std::optional<gid_t> group) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  if (!group) return false;
  return peer.gid == *group || is_member(supplementary_groups(socket), *group);
}

}  // namespace fulmar::control
