// What a finished walk over the hosts means for a recipient nobody took: wait, or give up, and for
// which reason? Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "conf/config.h"

namespace fulmar::delivery {

/// Why one host, or one of its addresses, did not take the recipient.
struct HostFailure {
  Error error;
  std::string host;          ///< "mx1.b.example[192.0.2.7]:25"; empty when it was not connected to.
  std::string reply;         ///< The host's reply verbatim; empty when the finding is ours.
  std::string tls = "none";  ///< What protected the session: the mail log's label.
  friend bool operator==(const HostFailure&, const HostFailure&) = default;
};

/// The mail log's label for it: what protected the session, or which protection was owed and not
/// had.
[[nodiscard]] std::string failure_label(const HostFailure& failure);

/// The failure the sender is told about. Its retry is `later` or `never`; never only when waiting
/// cannot help at any host: no host has an address, every one is refused by the address guard,
/// lacks an extension the message needs, or failed for a reason that `rules` say to bounce. A host
/// that refuses all mail (5yz greeting) may be mended, so it never ends the matter (docs/codes.md).
/// Nor is anything ended while there are hosts that were not tried.
/// Among several the most telling counts: owed protection, then a server's words, then lost and
/// failed connections, then DNS. REQUIRES: not empty.
enum class HostsTried : std::uint8_t { all, some };
[[nodiscard]] HostFailure most_telling(const std::vector<HostFailure>& failures,
                                       const conf::Failure& rules,
                                       HostsTried hosts = HostsTried::all);

}  // namespace fulmar::delivery
