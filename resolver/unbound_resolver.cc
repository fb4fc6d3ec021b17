#include "resolver/unbound_resolver.h"

#include <string>
#include <utility>
#include <vector>

#include "resolver/lookup_result.h"
#include "resolver/rdata.h"
#include "resolver/unbound_context.h"
#include "resolver/unbound_engine.h"
#include "resolver/unbound_fresh.h"

namespace fulmar::resolver {
namespace {

namespace asio = boost::asio;

class LibunboundResolver final : public UnboundResolver {
 public:
  LibunboundResolver(std::shared_ptr<UnboundEngine> engine, std::shared_ptr<FreshLookups> fresh,
                     const conf::Resolver& config)
      : engine_(std::move(engine)),
        fresh_(std::move(fresh)),
        trust_anchor_(config.trust_anchor),
        upstreams_(config.forward_to) {}
  ~LibunboundResolver() override { LibunboundResolver::stop(); }
  LibunboundResolver(const LibunboundResolver&) = delete;
  LibunboundResolver& operator=(const LibunboundResolver&) = delete;

  asio::awaitable<Result<Answer<MxRecord>>> mx(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::mx}, parse_mx_rdata);
  }
  asio::awaitable<Result<Answer<IpAddress>>> a(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::a}, parse_a_rdata);
  }
  asio::awaitable<Result<Answer<IpAddress>>> aaaa(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::aaaa}, parse_aaaa_rdata);
  }
  asio::awaitable<Result<Answer<TxtRecord>>> txt(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::txt}, parse_txt_rdata);
  }
  asio::awaitable<Result<Answer<TlsaRecord>>> tlsa(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::tlsa}, parse_tlsa_rdata,
                  Undecodable::is_empty_presence);
  }
  asio::awaitable<Result<Answer<TlsaRecord>>> fresh_tlsa(Domain name) override {
    return fresh_lookup(fresh_, {std::move(name), RecordType::tlsa});
  }
  asio::awaitable<Result<Answer<Domain>>> cname(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::cname}, parse_name_rdata);
  }

  asio::awaitable<Result<>> prove_trust_anchor() override;
  void stop() override {
    fresh_->stop();
    engine_->stop();
  }

 private:
  template <class Record>
  static asio::awaitable<Result<Answer<Record>>> lookup(
      std::shared_ptr<UnboundEngine> engine, Question question,
      Result<Record> (*parse)(std::string_view), Undecodable undecodable = Undecodable::is_error) {
    FULMAR_CO_TRY(const auto raw, co_await ask(std::move(engine), question));
    co_return decode(question, raw, parse, undecodable);
  }

  static asio::awaitable<Result<Answer<TlsaRecord>>> fresh_lookup(
      std::shared_ptr<FreshLookups> fresh, Question question) {
    FULMAR_CO_TRY(const auto raw, co_await FreshLookups::ask(std::move(fresh), question));
    co_return decode(question, raw, parse_tlsa_rdata, Undecodable::is_empty_presence);
  }

  [[nodiscard]] std::string sources() const;

  std::shared_ptr<UnboundEngine> engine_;  // shared with lookups under way, like the next
  std::shared_ptr<FreshLookups> fresh_;
  std::string trust_anchor_;
  std::vector<std::string> upstreams_;
};

std::string LibunboundResolver::sources() const {
  std::string text = "trust anchor " + trust_anchor_;
  for (const std::string& upstream : upstreams_) {
    text += (&upstream == &upstreams_.front() ? ", asking " : " and ") + upstream;
  }
  return text;
}

asio::awaitable<Result<>> LibunboundResolver::prove_trust_anchor() {
  // Named for the same reason: GCC 12 would destroy a braced argument twice.
  Question question{.name = Domain{}, .type = RecordType::dnskey};
  const auto answer = co_await ask(engine_, std::move(question));
  if (!answer) {
    Error error = answer.error();
    error.detail = sources() + ": " + error.detail;
    co_return fail(std::move(error));
  }
  if (answer->existence != Existence::records || !answer->secure()) {
    co_return fail(Errc::dns_bogus, sources() + ": the root's keys are not proven by it");
  }
  co_return Result<>{};
}

}  // namespace

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::create(const conf::Resolver& config,
                                                                 asio::any_io_executor executor,
                                                                 const Clock& clock) {
  FULMAR_TRY(UnboundContext context, create_unbound_context(config, ContextUse::program));
  auto engine = std::make_shared<UnboundEngine>(std::move(context), executor, config.timeout);
  engine->watch();
  auto fresh = std::make_shared<FreshLookups>(config, std::move(executor), clock);
  return std::make_unique<LibunboundResolver>(std::move(engine), std::move(fresh), config);
}

}  // namespace fulmar::resolver
