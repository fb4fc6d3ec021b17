#include "resolver/unbound_context.h"

#include <unbound.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "base/ascii.h"
#include "resolver/zone_text.h"

namespace fulmar::resolver {
namespace {

constexpr std::size_t kMaxFile = 1'000'000;

struct Option {
  const char* name;
  const char* value;
};

/// Alike in every context. They must be: libunbound keeps several of them (the limits of TTL,
/// serve-expired, edns-buffer-size, rrset-roundrobin, the longest wait for a server) once for the
/// whole process, and the context that starts last sets them for all.
constexpr std::array kOptions = {
    // What a path without fragmentation carries; larger answers come over TCP.
    Option{"edns-buffer-size:", "1232"},
    // Outages of name servers are soon forgotten, else mail waits long after they ended (pitfall
    // 49). A server that does not answer is asked again and again, a few seconds apart at most.
    Option{"infra-host-ttl:", "60"},
    Option{"infra-keep-probing:", "yes"},
    Option{"infra-cache-max-rtt:", "4000"},
    // An answer lives as long as its TTL says and no longer, not even when nobody answers any more.
    // The defaults, and must stay so.
    Option{"serve-expired:", "no"},
    Option{"cache-min-ttl:", "0"},
    // The order of addresses is the server's (RFC 5321 §5.1).
    Option{"rrset-roundrobin:", "no"},
    // A stripped signature is an attack, not an unsigned zone. These are the defaults, and must
    // stay so.
    Option{"harden-dnssec-stripped:", "yes"},
    Option{"harden-glue:", "yes"},
    Option{"harden-below-nxdomain:", "yes"},
};

/// libunbound's own defaults serve one user: 16 sockets, 32 queries, 1 MB of cache.
constexpr std::array kProgramSizes = {
    Option{"outgoing-range:", "512"},   Option{"num-queries-per-thread:", "1024"},
    Option{"outgoing-num-tcp:", "64"},  Option{"msg-cache-size:", "16m"},
    Option{"rrset-cache-size:", "32m"},
};

/// For one name from the root down, with all the keys and servers on the way. Every TCP slot comes
/// with a buffer of 64 KB.
constexpr std::array kOneLookupSizes = {
    Option{"outgoing-range:", "64"},   Option{"num-queries-per-thread:", "128"},
    Option{"outgoing-num-tcp:", "4"},  Option{"msg-cache-size:", "1m"},
    Option{"rrset-cache-size:", "1m"},
};

/// What libunbound would print to standard error while it starts, for our error text. libunbound
/// has one log for the whole process; afterwards it is silent, since all that matters comes with
/// the answers.
class StartupLog {
 public:
  explicit StartupLog(ub_ctx* context)
      : context_(context), stream_(open_memstream(&text_, &size_)) {
    ub_ctx_debugout(context_, stream_);
  }
  ~StartupLog() {
    ub_ctx_debugout(context_, nullptr);
    if (stream_ != nullptr) std::fclose(stream_);
    std::free(text_);
  }
  StartupLog(const StartupLog&) = delete;
  StartupLog& operator=(const StartupLog&) = delete;

  /// The first line, without time and process.
  [[nodiscard]] std::string first_line() const {
    if (stream_ == nullptr || std::fflush(stream_) != 0) return {};
    std::string_view text(text_, size_);
    text = text.substr(0, text.find('\n'));
    constexpr std::string_view kMark = "error: ";
    const auto mark = text.find(kMark);
    return sanitize_line(mark == text.npos ? text : text.substr(mark + kMark.size()), 300);
  }

 private:
  ub_ctx* context_;
  char* text_ = nullptr;
  std::size_t size_ = 0;
  FILE* stream_;
};

Result<std::string> read_file(const std::string& path, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFile + 1, '\0');
  // A directory opens and fails on the first read.
  if (!file ||
      (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())) {
    return fail(Errc::io, std::string(what) + ' ' + path + " cannot be read");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFile) return fail(Errc::io, std::string(what) + ' ' + path + " is too big");
  return text;
}

Result<> check(int code, Errc errc, const std::string& what) {
  if (code == UB_NOERROR) return {};
  return fail(errc, what + ": " + ub_strerror(code));
}

bool names_loopback(const std::string& upstream) {
  return holds_loopback_address(upstream.substr(0, upstream.find('@')));
}

Result<> set_option(ub_ctx* context, const char* name, const char* value) {
  return check(ub_ctx_set_option(context, name, value), Errc::internal,
               std::string("libunbound option ") + name + ' ' + value);
}

Result<> set_options(ub_ctx* context, std::span<const Option> options) {
  for (const Option& option : options)
    FULMAR_TRY_VOID(set_option(context, option.name, option.value));
  return {};
}

Result<> set_trust_anchor(ub_ctx* context, const conf::Resolver& config) {
  FULMAR_TRY(const std::string text, read_file(config.trust_anchor, "trust anchor"));
  if (!holds_trust_anchor(text)) {
    return fail(Errc::io, "trust anchor " + config.trust_anchor + " holds no DNSKEY or DS record");
  }
  return check(ub_ctx_add_ta_file(context, config.trust_anchor.c_str()), Errc::io,
               "trust anchor " + config.trust_anchor);
}

Result<> set_root_hints(ub_ctx* context, const conf::Resolver& config) {
  if (config.root_hints.empty()) return {};
  FULMAR_TRY(const std::string text, read_file(config.root_hints, "root hints"));
  if (!holds_address(text)) {
    return fail(Errc::io, "root hints " + config.root_hints + " hold no address record");
  }
  if (holds_loopback_address(text)) {
    FULMAR_TRY_VOID(set_option(context, "do-not-query-localhost:", "no"));
  }
  return set_option(context, "root-hints:", config.root_hints.c_str());
}

Result<> set_upstreams(ub_ctx* context, const conf::Resolver& config) {
  for (const std::string& upstream : config.forward_to) {
    FULMAR_TRY_VOID(check(ub_ctx_set_fwd(context, upstream.c_str()), Errc::invalid_argument,
                          "forward_to \"" + upstream + '"'));
    if (names_loopback(upstream)) {
      FULMAR_TRY_VOID(set_option(context, "do-not-query-localhost:", "no"));
    }
  }
  return {};
}

/// A zone named here has no built-in data and is a border below which no built-in zone answers. By
/// configuration and not by ub_ctx_zone_add(), after which names that only sort behind the zone
/// escape their own built-in zone too.
Result<> open_zones(ub_ctx* context, const conf::Resolver& config) {
  for (const Domain& zone : config.plain_zones) {
    FULMAR_TRY_VOID(set_option(context, "local-zone:", (zone.str() + ". transparent").c_str()));
  }
  return {};
}

void ignore_answer(void* /*unused*/, int /*error*/, ub_result* result) {
  ub_resolve_free(result);
}

/// The first query makes libunbound read its files and start its thread, and only then does it say
/// what is wrong with them. This one never leaves the process: "localhost" is built in.
Result<> start(ub_ctx* context, const conf::Resolver& config) {
  const StartupLog startup_log(context);
  constexpr int kTypeA = 1;
  constexpr int kClassIn = 1;
  const int code =
      ub_resolve_async(context, "localhost.", kTypeA, kClassIn, nullptr, ignore_answer, nullptr);
  if (code == UB_NOERROR) return {};
  std::string files = "trust anchor " + config.trust_anchor;
  if (!config.root_hints.empty()) files += " or root hints " + config.root_hints;
  const std::string reason = startup_log.first_line();
  return fail(Errc::io, "the resolver cannot start with " + files + ": " +
                            (reason.empty() ? ub_strerror(code) : reason));
}

}  // namespace

void DeleteUnboundContext::operator()(ub_ctx* context) const {
  ub_ctx_delete(context);
}

Result<UnboundContext> create_unbound_context(const conf::Resolver& config, ContextUse use) {
  UnboundContext context(ub_ctx_create());
  if (!context) return fail(Errc::io, "libunbound cannot be set up");
  ub_ctx* const raw = context.get();
  // A thread, not a child process, for libunbound's work (pitfall 45). Before the first query, or
  // it is too late.
  FULMAR_TRY_VOID(check(ub_ctx_async(raw, 1), Errc::internal, "libunbound thread"));
  FULMAR_TRY_VOID(set_options(raw, kOptions));
  FULMAR_TRY_VOID(set_options(raw, use == ContextUse::program
                                       ? std::span<const Option>(kProgramSizes)
                                       : std::span<const Option>(kOneLookupSizes)));
  FULMAR_TRY_VOID(set_trust_anchor(raw, config));
  FULMAR_TRY_VOID(set_root_hints(raw, config));
  FULMAR_TRY_VOID(set_upstreams(raw, config));
  FULMAR_TRY_VOID(open_zones(raw, config));
  FULMAR_TRY_VOID(start(raw, config));
  return context;
}

}  // namespace fulmar::resolver
