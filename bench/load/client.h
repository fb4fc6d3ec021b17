// One long connection of the source: message after message, each as soon as the one before was
// accepted.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>

#include "bench/load/journal.h"
#include "bench/load/message_text.h"

namespace fulmar::load {

/// What all connections of one run share; it must outlive them.
struct Work {
  boost::asio::ip::tcp::endpoint server;
  boost::asio::ssl::context* tls = nullptr;  ///< Null: in clear.
  std::size_t messages = 0;
  std::size_t domains = 1;  ///< Recipients are spread over this many.
  double rate = 0;          ///< Messages a second at most, all clients together; 0: no limit.
  const MessageText& text;
  Journal& journal;
  std::size_t next = 0;  ///< The number of the next message.
  Moment begin = std::chrono::steady_clock::now();
};

/// Connects and sends until no message is left. Any failure, and any reply that is not what SMTP
/// hopes for, is an exception: a run with failures measures nothing.
boost::asio::awaitable<void> run_client(Work& work);

}  // namespace fulmar::load
