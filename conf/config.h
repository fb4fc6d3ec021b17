// Every setting of the program as plain data. A component receives its own struct by value; nothing
// outside conf/ knows that the settings came from TOML. Names are those of the file: `[limits]
// message_size` is Config::limits.message_size. Defaults stand here; conf/fulmar.toml shows them,
// and a test holds the two together.
//
// Not yet in this version, and refused by the loader with a line that says so: [tls_report],
// [[dkim]], [http].
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/ip_address.h"
#include "base/log.h"
#include "conf/destination.h"
#include "conf/failure.h"
#include "conf/user.h"

namespace fulmar::conf {

using std::chrono::milliseconds;

enum class ListenKind : std::uint8_t {
  relay,       ///< Mail from other mail servers, taken as it is.
  submission,  ///< Mail from programs that write it (RFC 6409): addresses are checked, and missing
               ///< header fields added. Without authorisation MAIL is refused.
};
enum class ListenTls : std::uint8_t { none, starttls, implicit };
enum class ListenAuth : std::uint8_t {
  none,      ///< AUTH is not offered.
  optional,  ///< Clients may log in; those in `relay_networks` need not.
  required,  ///< Clients must log in, wherever they are.
};
enum class BareNewline : std::uint8_t { reject, normalize };

/// One listening socket and what its clients may do.
struct Listen {
  Endpoint address;
  ListenKind kind = ListenKind::relay;
  ListenTls tls = ListenTls::none;
  std::string certificate;  ///< PEM chain, leaf first. Needed unless `tls` is none.
  std::string private_key;  ///< PEM. Needed unless `tls` is none.
  std::string client_ca;    ///< PEM: who signs the certificates of clients. Empty: none are asked
                            ///< for. Always so when `tls` is none.
  ListenAuth auth = ListenAuth::none;   ///< Always none when `tls` is: no password in clear.
  std::vector<Network> relay_networks;  ///< Clients that may relay. Default: loopback.
  /// Load balancers: connections from there begin with a PROXY protocol v2 header, which names the
  /// client. Default: none.
  std::vector<Network> proxy_networks;
  BareNewline bare_newline = BareNewline::reject;
};

struct Limits {
  std::uint64_t message_size = 50'000'000;      ///< Octets, as sent by the client; 64 KB .. 2 GB.
  std::uint32_t recipients_per_message = 1000;  ///< 100 .. 50000 (RFC 5321 §4.5.3.1.8).
  std::uint32_t connections = 2000;             ///< Client sessions at once; 1 .. 100000.
  std::uint32_t connections_per_client = 200;   ///< Of these, from one address; 1 .. 100000.
  std::optional<Rate> messages_per_client;      ///< Messages begun; empty: no limit.
  std::uint32_t received_headers =
      100;  ///< More means a loop: 554 5.4.6; 10 .. 1000 (RFC 5321 §6.3).
  std::uint64_t spool_reserve =
      1'000'000'000;  ///< Free octets below which MAIL gets 452 4.3.1; 0 .. 1 TB.
};

struct Auth {
  std::string users_file = "/etc/fulmar/users";  ///< Read only when some listener has `auth`.
};

/// REQUIRES: `name` is a domain name.
[[nodiscard]] Domain well_known(std::string_view name);

struct Resolver {
  std::string trust_anchor = "/usr/share/dns/root.key";  ///< DNSKEY or DS records of the root.
  std::string root_hints;                                ///< Empty: built in.
  std::vector<std::string> forward_to;  ///< "address@port"; empty: recursion from the root.
  milliseconds timeout{10'000};         ///< For one lookup, 1 s .. 60 s.
  std::vector<Domain> plain_zones;      ///< Special-use zones to be resolved like any other.
  // The names of the DNSSEC self-test: what is known to be signed, not to be signed, and to be
  // signed wrongly on purpose. The root stands for "not asked".
  Domain self_test_signed = well_known("isc.org");
  Domain self_test_unsigned = well_known("google.com");
  Domain self_test_bogus = well_known("dnssec-failed.org");
};

enum class OpportunisticFallback : std::uint8_t { clear, defer };

struct Tls {
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";
  std::string min_version = "1.2";  ///< "1.2" or "1.3"; for verified levels and policy fetches.
  OpportunisticFallback opportunistic_fallback = OpportunisticFallback::clear;
  std::string groups;  ///< Key exchange groups in OpenSSL's words, "X25519:P-256"; empty: its own.
};

enum class Digest : std::uint8_t { sha256, sha512 };

struct Dane {
  bool enabled = true;
  /// Strongest first: of TLSA records that differ in the digest only, the first one listed here
  /// counts (RFC 7671 §9).
  std::vector<Digest> digests = {Digest::sha512, Digest::sha256};
  /// A host that satisfies DANE must satisfy an enforced MTA-STS policy as well (RFC 8461 §2 leaves
  /// it open).
  bool also_mta_sts = false;
};

struct MtaSts {
  bool enabled = true;
  milliseconds fetch_timeout{60'000};          ///< The whole fetch, 1 s .. 60 s.
  milliseconds refresh_every{24 * 3'600'000};  ///< ±10 %; 1 s .. 7 d.
  milliseconds failed_fetch_backoff{
      300'000};                            ///< First wait after a failed GET; grows. 1 s .. 1 d.
  milliseconds recheck_interval{300'000};  ///< Between forced refetches of one domain. 1 s .. 1 d.
};

/// RFC 8689.
struct RequireTls {
  bool enabled = true;                ///< The extension is offered, and used.
  bool honor_tls_required_no = true;  ///< The header field TLS-Required: No counts.
};

struct Outbound {
  std::vector<IpAddress> source_addresses;  ///< At most one per family; empty: the kernel chooses.
  std::vector<Network> allow_networks;      ///< Exceptions to the address guard.
  milliseconds connect_timeout{30'000};     ///< One address, 1 s .. 5 min.
  milliseconds command_timeout{300'000};    ///< Each reply but the final dot's, 1 s .. 30 min.
  milliseconds final_dot_timeout{
      600'000};  ///< 1 s .. 60 min; short values make duplicates (RFC 5321 §4.5.3.2.6).
};

struct Retry {
  std::vector<milliseconds> intervals = {
      milliseconds(300'000),   milliseconds(600'000),   milliseconds(1'200'000),
      milliseconds(2'400'000), milliseconds(3'600'000), milliseconds(7'200'000),
      milliseconds(14'400'000)};                 ///< The last repeats; each 1 s .. 1 d.
  milliseconds give_up_after{5 * 86'400'000LL};  ///< 1 s .. 30 d.
  Failure failure;                               ///< The table [failure].
};

enum class ReturnContent : std::uint8_t { headers, full };

struct Notify {
  milliseconds delay_after{4 * 3'600'000};     ///< Ordinary delays; 1 s .. 5 d.
  milliseconds security_delay_after{900'000};  ///< Delays caused by DANE or MTA-STS; 1 s .. 5 d.
  /// From arrival, ascending, each 1 s .. 30 d: the sender is told of the delay again.
  std::vector<milliseconds> repeat_after{milliseconds(86'400'000), milliseconds(259'200'000)};
  /// Notices beyond it are summed up at the end of its time; empty: no limit.
  std::optional<Rate> max_per_sender = Rate{100, std::chrono::hours(1)};
  /// The least time between two mails that tell the postmaster of troubles; empty: none is written.
  std::optional<milliseconds> digest_every{3'600'000};
  bool cleared = true;          ///< Who was told of a delay is told of its end.
  std::string language = "en";  ///< A tag of RFC 5646, where the message does not tell another.
  std::string templates_dir;    ///< Texts of the operator's own; empty: none.
  ReturnContent return_content = ReturnContent::headers;
};

struct Control {
  std::string socket = "/run/fulmar/control.sock";
  std::string group =
      "fulmar";  ///< Members may use the socket; empty or unknown: only our own user and root.
};

struct Config {
  Domain hostname;         ///< EHLO name, Received, Reporting-MTA. Default: the system's FQDN.
  std::string postmaster;  ///< From of notices. Default: postmaster@<hostname>.
  std::string state_dir = "/var/lib/fulmar";
  std::uint32_t threads = 0;   ///< 0: one per core. At most 256.
  std::vector<Listen> listen;  ///< Default: 127.0.0.1:25 and [::1]:25 for loopback clients.
  Limits limits;
  Auth auth;
  std::vector<User> users;  ///< No two of one name. Default: none.
  Resolver resolver;
  Tls tls;
  Dane dane;
  MtaSts mta_sts;
  RequireTls requiretls;
  Outbound outbound;
  std::vector<Destination> destinations;  ///< First match wins. Default: none.
  Retry retry;
  Notify notify;
  Control control;
  LogSettings log;
};

}  // namespace fulmar::conf
