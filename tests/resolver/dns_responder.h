// A name server for tests: answers from a table over UDP on a free loopback port, unsigned.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/domain.h"
#include "resolver/lookup_result.h"

namespace fulmar::resolver {

/// "\3www\1b\4test\0".
inline std::string wire_name(std::string_view text) {
  std::string wire;
  while (!text.empty()) {
    const auto length = std::min(text.find('.'), text.size());
    wire.push_back(static_cast<char>(length));
    wire.append(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return wire + '\0';
}

inline std::string wire_u16(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}

class DnsResponder {
 public:
  struct Reply {
    int rcode = 0;
    std::vector<std::string> rdata;
  };

  explicit DnsResponder(boost::asio::io_context& io)
      : socket_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    receive();
  }

  void add(std::string_view name, RecordType type, Reply reply) {
    replies_[{wire_name(name), std::to_underlying(type)}] = std::move(reply);
  }
  /// From now on queries are read and never answered.
  void fall_silent() { silent_ = true; }

  /// "address@port", for conf::Resolver::forward_to.
  [[nodiscard]] std::string upstream() const {
    return "127.0.0.1@" + std::to_string(socket_.local_endpoint().port());
  }
  [[nodiscard]] int queries() const { return queries_; }

 private:
  void receive() {
    socket_.async_receive_from(boost::asio::buffer(buffer_), client_,
                               [this](const boost::system::error_code& error, std::size_t size) {
                                 if (error) return;
                                 ++queries_;
                                 if (!silent_) reply_to(std::string_view(buffer_.data(), size));
                                 receive();
                               });
  }

  void reply_to(std::string_view query) {
    constexpr std::size_t kHeader = 12;
    const auto name_end = query.find('\0', kHeader);
    const std::string name(query.substr(kHeader, name_end + 1 - kHeader));
    const std::string question(query.substr(kHeader, name.size() + 4));
    unsigned type = static_cast<unsigned char>(query[name_end + 1]) * 256U +
                    static_cast<unsigned char>(query[name_end + 2]);
    auto found = replies_.find({name, type});
    if (found == replies_.end()) {  // an alias answers for every type
      type = std::to_underlying(RecordType::cname);
      found = replies_.find({name, type});
    }
    const Reply reply = found == replies_.end() ? Reply{} : found->second;
    constexpr unsigned kResponse = 0x8180;  // QR, RD, RA
    std::string packet = std::string(query.substr(0, 2)) +
                         wire_u16(kResponse + static_cast<unsigned>(reply.rcode)) + wire_u16(1) +
                         wire_u16(static_cast<unsigned>(reply.rdata.size())) + wire_u16(0) +
                         wire_u16(0) + question;
    for (const std::string& rdata : reply.rdata) {
      packet += "\xc0\x0c" + wire_u16(type) + wire_u16(1) + wire_u16(0) + wire_u16(300) +
                wire_u16(static_cast<unsigned>(rdata.size())) + rdata;
    }
    boost::system::error_code ignored;  // the client has timed out and gone
    socket_.send_to(boost::asio::buffer(packet), client_, 0, ignored);
  }

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint client_;
  std::array<char, 1500> buffer_{};
  std::map<std::pair<std::string, unsigned>, Reply> replies_;
  bool silent_ = false;
  int queries_ = 0;
};

}  // namespace fulmar::resolver
