#include "conf/schema.h"

#include <algorithm>

#include "base/check.h"
#include "conf/schema_row.h"

namespace fulmar::conf {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kKilobyte = 1000;
constexpr std::uint64_t kGigabyte = 1'000'000'000;
constexpr std::uint64_t kTerabyte = 1000 * kGigabyte;
constexpr std::uint32_t kMaxRecipients = 50'000;

template <class T>
T checked(Result<T> result) {
  FULMAR_CHECK(result.has_value());
  return *std::move(result);
}

Table root_table() {
  return table_of<Config>(
      "", Table::Shape::single,
      {
          key("hostname", &Config::hostname, host_name(), "our name in EHLO, Received and reports"),
          key("postmaster", &Config::postmaster, mailbox(), "the author of notices"),
          key("state_dir", &Config::state_dir, text_not_empty(), "the directory of the spool"),
          key("threads", &Config::threads, count({0, 256}), "threads; 0: one per core"),
      },
      [](auto& config, std::size_t) -> auto& { return config; });
}

Table listen_table() {
  return array_section<Listen>(
      "listen", &Config::listen, default_listener(),
      {
          key("address", &Listen::address, endpoint(), "where clients connect"),
          key("kind", &Listen::kind,
              choice<ListenKind>(
                  {{"relay", ListenKind::relay}, {"submission", ListenKind::submission}}),
              "what clients bring"),
          key("tls", &Listen::tls,
              choice<ListenTls>({{"none", ListenTls::none},
                                 {"starttls", ListenTls::starttls},
                                 {"implicit", ListenTls::implicit}}),
              "encryption towards clients"),
          key("certificate", &Listen::certificate, text(), "a PEM file with the chain"),
          key("private_key", &Listen::private_key, text(), "a PEM file with the key"),
          key("client_ca", &Listen::client_ca, text(),
              "a PEM file with the authorities of clients"),
          key("auth", &Listen::auth,
              choice<ListenAuth>({{"none", ListenAuth::none},
                                  {"optional", ListenAuth::optional},
                                  {"required", ListenAuth::required}}),
              "whether clients log in"),
          key("relay_networks", &Listen::relay_networks, list(network()), "clients that may relay"),
          key("proxy_networks", &Listen::proxy_networks, list(network()),
              "load balancers that speak the PROXY protocol"),
          key("bare_newline", &Listen::bare_newline,
              choice<BareNewline>(
                  {{"reject", BareNewline::reject}, {"normalize", BareNewline::normalize}}),
              "what becomes of CR or LF alone"),
      });
}

Table limits_table() {
  return section<Limits>(
      "limits", &Config::limits,
      {
          key("message_size", &Limits::message_size, size({64 * kKilobyte, 2 * kGigabyte}),
              "the largest message"),
          key("recipients_per_message", &Limits::recipients_per_message,
              count({100, kMaxRecipients}),
              "recipients of one message; RFC 5321 §4.5.3.1.8 asks for 100"),
          key("connections", &Limits::connections, count({1, 100'000}), "client sessions at once"),
          key("connections_per_client", &Limits::connections_per_client, count({1, 100'000}),
              "client sessions at once from one address"),
          key("messages_per_client", &Limits::messages_per_client, rate(),
              "messages in a time from one address"),
          key("received_headers", &Limits::received_headers, count({10, 1000}),
              "Received fields beyond which a message is a loop"),
          key("spool_reserve", &Limits::spool_reserve, size({0, kTerabyte}),
              "free space below which no mail is taken"),
      });
}

Table auth_table() {
  return section<Auth>(
      "auth", &Config::auth,
      {
          key("users_file", &Auth::users_file, text(), "a file with name:hash on each line"),
      });
}

Table user_table() {
  return array_section<User>(
      "user", &Config::users, {},
      {
          key("name", &User::name, user_name(), "whom the entry is about"),
          key("from", &User::from, list_not_empty(sender_pattern()), "senders the user may give"),
          key("max_message_rate", &User::max_message_rate, rate(), "messages in a time"),
          key("max_recipients", &User::max_recipients, count({0, kMaxRecipients}),
              "recipients of one message; 0: as for all"),
      });
}

Table resolver_table() {
  return section<Resolver>(
      "resolver", &Config::resolver,
      {
          key("trust_anchor", &Resolver::trust_anchor, text_not_empty(),
              "a file with the key of the DNS root"),
          key("root_hints", &Resolver::root_hints, text(), "a file with the root servers"),
          key("forward_to", &Resolver::forward_to, list(name_server()), "upstream name servers"),
          key("timeout", &Resolver::timeout, duration({seconds(1), seconds(60)}), "one lookup"),
          key("plain_zones", &Resolver::plain_zones, list(domain()),
              "special-use zones to resolve like any other"),
          key("self_test_signed", &Resolver::self_test_signed, domain_or_none(),
              "a name known to be signed"),
          key("self_test_unsigned", &Resolver::self_test_unsigned, domain_or_none(),
              "a name known not to be signed"),
          key("self_test_bogus", &Resolver::self_test_bogus, domain_or_none(),
              "a name known to be signed wrongly"),
      });
}

Table tls_table() {
  return section<Tls>(
      "tls", &Config::tls,
      {
          key("ca_file", &Tls::ca_file, text_not_empty(), "a PEM file with trusted authorities"),
          key("min_version", &Tls::min_version,
              choice<std::string>({{"1.2", "1.2"}, {"1.3", "1.3"}}),
              "the oldest TLS for verified connections"),
          key("opportunistic_fallback", &Tls::opportunistic_fallback,
              choice<OpportunisticFallback>({{"clear", OpportunisticFallback::clear},
                                             {"defer", OpportunisticFallback::defer}}),
              "after a failed handshake that no policy asked for"),
          key("groups", &Tls::groups, text(), "key exchange groups, as OpenSSL names them"),
      });
}

Table dane_table() {
  return section<Dane>("dane", &Config::dane,
                       {
                           key("enabled", &Dane::enabled, boolean(), "whether DANE is used"),
                           key("digests", &Dane::digests,
                               list_not_empty(choice<Digest>(
                                   {{"sha256", Digest::sha256}, {"sha512", Digest::sha512}})),
                               "digests of TLSA records, strongest first"),
                           key("also_mta_sts", &Dane::also_mta_sts, boolean(),
                               "whether MTA-STS counts where DANE holds"),
                       });
}

Table mta_sts_table() {
  return section<MtaSts>(
      "mta_sts", &Config::mta_sts,
      {
          key("enabled", &MtaSts::enabled, boolean(), "whether MTA-STS is used"),
          key("fetch_timeout", &MtaSts::fetch_timeout, duration({seconds(1), seconds(60)}),
              "one whole fetch"),
          key("refresh_every", &MtaSts::refresh_every, duration({seconds(1), days(7)}),
              "the age at which a policy is fetched again"),
          key("failed_fetch_backoff", &MtaSts::failed_fetch_backoff,
              duration({seconds(1), days(1)}), "the first wait after a failed fetch"),
          key("recheck_interval", &MtaSts::recheck_interval, duration({seconds(1), days(1)}),
              "between forced fetches for one domain"),
      });
}

Table requiretls_table() {
  return section<RequireTls>(
      "requiretls", &Config::requiretls,
      {
          key("enabled", &RequireTls::enabled, boolean(), "whether REQUIRETLS is used"),
          key("honor_tls_required_no", &RequireTls::honor_tls_required_no, boolean(),
              "whether TLS-Required: No counts"),
      });
}

Table outbound_table() {
  return section<Outbound>(
      "outbound", &Config::outbound,
      {
          key("source_addresses", &Outbound::source_addresses, one_address_per_family(),
              "our own addresses to send from"),
          key("allow_networks", &Outbound::allow_networks, list(network()),
              "exceptions to the address guard"),
          key("connect_timeout", &Outbound::connect_timeout, duration({seconds(1), minutes(5)}),
              "connecting to one address"),
          key("command_timeout", &Outbound::command_timeout, duration({seconds(1), minutes(30)}),
              "waiting for one reply"),
          key("final_dot_timeout", &Outbound::final_dot_timeout,
              duration({seconds(1), minutes(60)}), "waiting for the reply to a whole message"),
      });
}

Table destination_table() {
  return array_section<Destination>(
      "destination", &Config::destinations, {},
      {
          key("domain", &Destination::domain, domain_pattern(), "whom the entry is about"),
          key("tls", &Destination::tls,
              choice<TlsRule>({{"automatic", TlsRule::automatic},
                               {"may", TlsRule::may},
                               {"encrypt", TlsRule::encrypt},
                               {"dane", TlsRule::dane},
                               {"dane-only", TlsRule::dane_only},
                               {"sts", TlsRule::sts},
                               {"secure", TlsRule::secure},
                               {"none", TlsRule::none}}),
              "the security that is demanded"),
          key("tls_match", &Destination::tls_match, list(domain_pattern()),
              "names accepted in the certificate"),
          key("relay", &Destination::relay, relay(), "the next hop"),
          key("auth_file", &Destination::auth_file, text(), "a file with user:password"),
          key("connection_limit", &Destination::connection_limit, count({1, 1000}),
              "connections at once"),
          key("max_deliveries_per_connection", &Destination::max_deliveries_per_connection,
              count({1, 100'000}), "messages over one connection"),
          key("max_message_rate", &Destination::max_message_rate, rate(), "messages in a time"),
          key("until", &Destination::until, date(), "the last day it applies"),
          key("comment", &Destination::comment, text(), "why it is there"),
      });
}

Table retry_table() {
  return section<Retry>(
      "retry", &Config::retry,
      {
          key("intervals", &Retry::intervals, list_not_empty(duration({seconds(1), days(1)})),
              "waits between attempts"),
          key("give_up_after", &Retry::give_up_after, duration({seconds(1), days(30)}),
              "how long a message may wait"),
      });
}

Table failure_table() {
  constexpr std::string_view kDoc = "what becomes of mail that fails so";
  return table_of<Failure>(
      "failure", Table::Shape::single,
      {
          key("dane-lookup", &Failure::dane_lookup, failure_rule(), kDoc),
          key("dane-mismatch", &Failure::dane_mismatch, failure_rule(), kDoc),
          key("dane-no-tls", &Failure::dane_no_tls, failure_rule(), kDoc),
          key("sts-mx-mismatch", &Failure::sts_mx_mismatch, failure_rule(), kDoc),
          key("sts-certificate", &Failure::sts_certificate, failure_rule(), kDoc),
          key("sts-no-tls", &Failure::sts_no_tls, failure_rule(), kDoc),
          key("requiretls", &Failure::requiretls, failure_rule(), kDoc),
          key("dns", &Failure::dns, failure_rule(), kDoc),
          key("connect", &Failure::connect, failure_rule(), kDoc),
      },
      [](auto& config, std::size_t) -> auto& { return config.retry.failure; });
}

Table notify_table() {
  return section<Notify>(
      "notify", &Config::notify,
      {
          key("delay_after", &Notify::delay_after, duration({seconds(1), days(5)}),
              "when a sender hears of a delay"),
          key("security_delay_after", &Notify::security_delay_after,
              duration({seconds(1), days(5)}),
              "when a sender hears of a delay caused by DANE or MTA-STS"),
          key("repeat_after", &Notify::repeat_after,
              ascending_list(duration({seconds(1), days(30)})),
              "when a sender hears of a delay again"),
          key("max_per_sender", &Notify::max_per_sender, rate(),
              "notices in a time to one sender, before they are summed up"),
          key("digest_every", &Notify::digest_every, duration_or_none({seconds(1), days(7)}),
              "the least time between mails that tell the postmaster of troubles"),
          key("cleared", &Notify::cleared, boolean(),
              "whether a sender hears that a delay is over"),
          key("language", &Notify::language, language_tag(),
              "of notices, where the message does not tell"),
          key("templates_dir", &Notify::templates_dir, text(),
              "a directory with notices in words of your own"),
          key("return_content", &Notify::return_content,
              choice<ReturnContent>(
                  {{"headers", ReturnContent::headers}, {"full", ReturnContent::full}}),
              "how much of the message a notice returns"),
      });
}

Table control_table() {
  return section<Control>(
      "control", &Config::control,
      {
          key("socket", &Control::socket, socket_path(), "the socket of the commands"),
          key("group", &Control::group, text(), "who may use the socket"),
      });
}

Table log_table() {
  using Format = LogSettings::Format;
  return section<LogSettings>(
      "log", &Config::log,
      {
          key("level", &LogSettings::level,
              choice<LogLevel>({{"debug", LogLevel::debug},
                                {"info", LogLevel::info},
                                {"warn", LogLevel::warn},
                                {"error", LogLevel::error}}),
              "the least important lines written"),
          key("format", &LogSettings::format,
              choice<Format>({{"text", Format::text}, {"json", Format::json}}),
              "the form of a line"),
          key("file", &LogSettings::file, text(), "where lines go; empty: standard error"),
      });
}

std::vector<Table> make_schema() {
  constexpr auto kSingle = Table::Shape::single;
  constexpr auto kArray = Table::Shape::array;
  return {
      root_table(),
      listen_table(),
      limits_table(),
      auth_table(),
      user_table(),
      resolver_table(),
      tls_table(),
      dane_table(),
      mta_sts_table(),
      requiretls_table(),
      outbound_table(),
      destination_table(),
      retry_table(),
      failure_table(),
      notify_table(),
      missing_table("tls_report", kSingle, "TLS reports (RFC 8460) are",
                    {"enabled", "organization", "contact", "interval", "send_delay"}),
      missing_table("dkim", kArray, "DKIM signatures are",
                    {"domain", "selector", "key_file", "algorithm"}),
      control_table(),
      missing_table("http", kSingle, "HTTP over TCP is", {"address", "token_file"}),
      log_table(),
  };
}

}  // namespace

const std::vector<Table>& schema() {
  static const std::vector<Table> tables = make_schema();
  return tables;
}

const Table* find_table(std::string_view name) {
  const auto found = std::ranges::find(schema(), name, &Table::name);
  return found == schema().end() ? nullptr : &*found;
}

std::string key_path(const Table& table, std::string_view key) {
  const std::string prefix = table.name.empty() ? "" : std::string(table.name) + '.';
  return prefix + std::string(key);
}

std::string not_yet(std::string_view missing) {
  return std::string(missing) + " not in this version yet";
}

Domain well_known(std::string_view name) {
  return checked(Domain::parse(name));
}

Listen default_listener() {
  Listen listener;
  listener.address = checked(Endpoint::parse("127.0.0.1:25"));
  listener.relay_networks = {checked(Network::parse("127.0.0.0/8")),
                             checked(Network::parse("::1/128"))};
  return listener;
}

std::vector<Listen> default_listeners() {
  std::vector<Listen> listeners(2, default_listener());
  listeners.back().address = checked(Endpoint::parse("[::1]:25"));
  return listeners;
}

}  // namespace fulmar::conf
