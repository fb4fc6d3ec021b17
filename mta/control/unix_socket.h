// The file system and credential side of the control socket.
#pragma once

#include <sys/types.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "conf/config.h"

namespace fulmar::control {

using Acceptor = boost::asio::local::stream_protocol::acceptor;

/// Which group the socket is for; empty when there is none, or none of that name.
[[nodiscard]] std::optional<gid_t> find_group(const std::string& name);

/// Bound, with its mode and group set, and listening. Errors as ControlServer::open.
[[nodiscard]] Result<Acceptor> listen_on(const std::string& path, std::optional<gid_t> group,
                                         const boost::asio::any_io_executor& executor);

/// The peer's user is ours or root, or one of its groups is `group`. False when the kernel does not
/// say.
[[nodiscard]] bool may_control(int socket, std::optional<gid_t> group);

}  // namespace fulmar::control
