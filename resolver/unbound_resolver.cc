#include "resolver/unbound_resolver.h"

#include <unbound.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "resolver/lookup_result.h"
#include "resolver/rdata.h"
#include "resolver/unbound_context.h"

namespace fulmar::resolver {
namespace {

namespace asio = boost::asio;

struct FreeUbResult {
  void operator()(ub_result* result) const { ub_resolve_free(result); }
};
using UbResult = std::unique_ptr<ub_result, FreeUbResult>;

/// Lookups that libunbound has at once. Questions go to its thread through a pipe, and our thread
/// would stand still while the pipe is full; the lookups beyond wait here, by their own deadlines.
constexpr std::size_t kMaxAsked = 2000;

LookupResult copy_result(const ub_result& raw) {
  LookupResult result{.rcode = raw.rcode,
                      .bogus = raw.bogus != 0,
                      .why_bogus = raw.why_bogus != nullptr ? raw.why_bogus : "",
                      .secure = raw.secure != 0,
                      .canonical = raw.canonname != nullptr ? raw.canonname : "",
                      .ttl = raw.ttl,
                      .rdata = {}};
  // Without data when the answer could not be read back; its rcode then says SERVFAIL.
  for (std::size_t i = 0; raw.data != nullptr && raw.data[i] != nullptr; ++i) {
    result.rdata.emplace_back(raw.data[i], static_cast<std::size_t>(std::max(raw.len[i], 0)));
  }
  return result;
}

/// Drives one libunbound context on one thread. Shared, because handlers that wait on the executor
/// may outlive the resolver by a moment.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  using Outcome = Result<LookupResult>;

  Engine(UnboundContext context, asio::any_io_executor executor, std::chrono::milliseconds timeout)
      : context_(std::move(context)),
        executor_(std::move(executor)),
        answers_(executor_, ub_fd(context_.get())),
        timeout_(timeout) {}

  /// Starts to watch for answers.
  void watch();

  /// From any thread. `handler` is called with the Outcome on its own executor, always by post.
  template <class Handler>
  void submit(Question question, Handler handler);

  void stop();

 private:
  using Done = std::move_only_function<void(Outcome)>;

  struct Lookup {
    Engine& engine;
    std::uint64_t id;
    Question question;
    Done done;
    asio::steady_timer deadline;
    bool asked = false;  ///< Has libunbound heard of it?
    int async_id = 0;
  };

  void start(std::uint64_t id, Question question, Done done);
  void ask(Lookup& lookup);
  void ask_waiting();
  void take_answers();
  static void on_answer(void* data, int error, ub_result* raw);
  void give_up(std::uint64_t id, Errc code, std::string_view why);
  void finish(std::uint64_t id, Outcome outcome);

  UnboundContext context_;
  asio::any_io_executor executor_;
  asio::posix::stream_descriptor answers_;  // libunbound's: released, never closed, by us
  std::chrono::milliseconds timeout_;
  std::atomic<std::uint64_t> next_id_ = 0;
  std::atomic<bool> stopped_ = false;
  std::unordered_map<std::uint64_t, std::unique_ptr<Lookup>> pending_;
  std::deque<std::uint64_t> waiting_;  // not asked yet; some may have ended meanwhile
  std::size_t asked_ = 0;              // of those pending
};

template <class Handler>
void Engine::submit(Question question, Handler handler) {
  const std::uint64_t id = next_id_++;
  if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
    slot.assign([self = weak_from_this(), executor = executor_, id](asio::cancellation_type) {
      asio::post(executor, [self, id] {
        const auto engine = self.lock();
        if (!engine) return;
        engine->give_up(id, Errc::cancelled, "cancelled");
        engine->ask_waiting();
      });
    });
  }
  auto work = asio::make_work_guard(asio::get_associated_executor(handler, executor_));
  Done done = [handler = std::move(handler), work = std::move(work)](Outcome outcome) mutable {
    auto resume = [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
      std::move(handler)(std::move(outcome));
    };
    asio::post(work.get_executor(), std::move(resume));
  };
  if (stopped_) return done(fail(Errc::cancelled, to_string(question) + ": shutting down"));
  auto begin = [self = shared_from_this(), id, question = std::move(question),
                done = std::move(done)]() mutable {
    self->start(id, std::move(question), std::move(done));
  };
  asio::post(executor_, std::move(begin));
}

void Engine::watch() {
  answers_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && !self->stopped_) self->take_answers();
                      });
}

void Engine::take_answers() {
  const int code = ub_process(context_.get());
  ask_waiting();
  if (code == UB_NOERROR) return watch();
  // Not watched any further: a broken pipe is always readable. The lookups end by their deadlines.
  log_error("the resolver's thread is gone", {{"reason", ub_strerror(code)}});
}

void Engine::start(std::uint64_t id, Question question, Done done) {
  if (stopped_) return done(fail(Errc::cancelled, to_string(question) + ": shutting down"));
  auto owned = std::make_unique<Lookup>(*this, id, std::move(question), std::move(done),
                                        asio::steady_timer(executor_, timeout_));
  owned->deadline.async_wait(
      [self = shared_from_this(), id](const boost::system::error_code& error) {
        if (error) return;
        self->give_up(id, Errc::dns_timeout, "no answer in time");
        self->ask_waiting();
      });
  pending_.emplace(id, std::move(owned));
  waiting_.push_back(id);
  ask_waiting();
}

void Engine::ask_waiting() {
  while (!waiting_.empty() && asked_ < kMaxAsked) {
    const auto found = pending_.find(waiting_.front());
    waiting_.pop_front();
    if (found != pending_.end()) ask(*found->second);
  }
}

void Engine::ask(Lookup& lookup) {
  const std::string name = lookup.question.name.str() + '.';
  const int type = std::to_underlying(lookup.question.type);
  constexpr int kClassIn = 1;
  lookup.asked = true;
  ++asked_;
  const int code = ub_resolve_async(context_.get(), name.c_str(), type, kClassIn, &lookup,
                                    &Engine::on_answer, &lookup.async_id);
  if (code == UB_NOERROR) return;
  const std::string what = to_string(lookup.question) + ": " + ub_strerror(code);
  finish(lookup.id, fail(Errc::dns_servfail, what));
}

void Engine::on_answer(void* data, int error, ub_result* raw) {
  const UbResult result(raw);
  const Lookup& lookup = *static_cast<Lookup*>(data);
  if (error != UB_NOERROR || !result) {
    const std::string what = to_string(lookup.question) + ": " + ub_strerror(error);
    return lookup.engine.finish(lookup.id, fail(Errc::dns_servfail, what));
  }
  lookup.engine.finish(lookup.id, copy_result(*result));
}

void Engine::give_up(std::uint64_t id, Errc code, std::string_view why) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // answered meanwhile
  // From here on libunbound does not call on_answer(); in its thread the lookup runs to its end.
  if (found->second->asked) ub_cancel(context_.get(), found->second->async_id);
  finish(id, fail(code, to_string(found->second->question) + ": " + std::string(why)));
}

void Engine::finish(std::uint64_t id, Outcome outcome) {
  auto node = pending_.extract(id);
  if (node.empty()) return;
  if (node.mapped()->asked) --asked_;
  node.mapped()->done(std::move(outcome));
}

void Engine::stop() {
  if (stopped_.exchange(true)) return;
  while (!pending_.empty())
    give_up(pending_.begin()->first, Errc::cancelled, "shutting down");
  answers_.release();
  context_.reset();  // waits for libunbound's thread, which drops what it is at
}

class LibunboundResolver final : public UnboundResolver {
 public:
  LibunboundResolver(std::shared_ptr<Engine> engine, const conf::Resolver& config)
      : engine_(std::move(engine)),
        trust_anchor_(config.trust_anchor),
        upstreams_(config.forward_to) {}
  ~LibunboundResolver() override { engine_->stop(); }
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
  asio::awaitable<Result<Answer<Domain>>> cname(Domain name) override {
    return lookup(engine_, {std::move(name), RecordType::cname}, parse_name_rdata);
  }

  asio::awaitable<Result<>> prove_trust_anchor() override;
  void stop() override { engine_->stop(); }

 private:
  static asio::awaitable<Result<Answer<std::string>>> ask(std::shared_ptr<Engine> engine,
                                                          Question question);

  template <class Record>
  static asio::awaitable<Result<Answer<Record>>> lookup(
      std::shared_ptr<Engine> engine, Question question, Result<Record> (*parse)(std::string_view),
      Undecodable undecodable = Undecodable::is_error) {
    FULMAR_CO_TRY(const auto raw, co_await ask(std::move(engine), question));
    co_return decode(question, raw, parse, undecodable);
  }

  [[nodiscard]] std::string sources() const;

  std::shared_ptr<Engine> engine_;  // shared with lookups under way
  std::string trust_anchor_;
  std::vector<std::string> upstreams_;
};

asio::awaitable<Result<Answer<std::string>>> LibunboundResolver::ask(std::shared_ptr<Engine> engine,
                                                                     Question question) {
  // Bound to a name first: GCC 12 mishandles closures that are temporaries of a co_await.
  auto initiate = [engine, question](auto handler) {
    engine->submit(question, std::move(handler));
  };
  FULMAR_CO_TRY(
      LookupResult result,
      (co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Engine::Outcome)>(
          std::move(initiate), asio::use_awaitable)));
  co_return judge(question, std::move(result));
}

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
                                                                 asio::any_io_executor executor) {
  FULMAR_TRY(UnboundContext context, create_unbound_context(config));
  auto engine = std::make_shared<Engine>(std::move(context), std::move(executor), config.timeout);
  engine->watch();
  return std::make_unique<LibunboundResolver>(std::move(engine), config);
}

}  // namespace fulmar::resolver
