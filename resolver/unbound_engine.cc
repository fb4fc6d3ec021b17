#include "resolver/unbound_engine.h"

#include <unbound.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace fulmar::resolver {

namespace asio = boost::asio;

namespace {

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

}  // namespace

UnboundEngine::UnboundEngine(UnboundContext context, asio::any_io_executor executor,
                             std::chrono::milliseconds timeout)
    : context_(std::move(context)),
      executor_(std::move(executor)),
      answers_(executor_, ub_fd(context_.get())),
      timeout_(timeout) {}

void UnboundEngine::watch() {
  answers_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && !self->stopped_) self->take_answers();
                      });
}

void UnboundEngine::take_answers() {
  const int code = ub_process(context_.get());
  ask_waiting();
  if (code == UB_NOERROR) return watch();
  // Not watched any further: a broken pipe is always readable. The lookups end by their deadlines.
  log_error("the resolver's thread is gone", {{"reason", ub_strerror(code)}});
}

void UnboundEngine::start(std::uint64_t id, Question question, Done done) {
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

void UnboundEngine::ask_waiting() {
  while (!waiting_.empty() && asked_ < kMaxAsked) {
    const auto found = pending_.find(waiting_.front());
    waiting_.pop_front();
    if (found != pending_.end()) ask(*found->second);
  }
}

void UnboundEngine::ask(Lookup& lookup) {
  const std::string name = lookup.question.name.str() + '.';
  const int type = std::to_underlying(lookup.question.type);
  constexpr int kClassIn = 1;
  lookup.asked = true;
  ++asked_;
  const int code = ub_resolve_async(context_.get(), name.c_str(), type, kClassIn, &lookup,
                                    &UnboundEngine::on_answer, &lookup.async_id);
  if (code == UB_NOERROR) return;
  const std::string what = to_string(lookup.question) + ": " + ub_strerror(code);
  finish(lookup.id, fail(Errc::dns_servfail, what));
}

void UnboundEngine::on_answer(void* data, int error, ub_result* raw) {
  const UbResult result(raw);
  const Lookup& lookup = *static_cast<Lookup*>(data);
  if (error != UB_NOERROR || !result) {
    const std::string what = to_string(lookup.question) + ": " + ub_strerror(error);
    return lookup.engine.finish(lookup.id, fail(Errc::dns_servfail, what));
  }
  lookup.engine.finish(lookup.id, copy_result(*result));
}

void UnboundEngine::give_up(std::uint64_t id, Errc code, std::string_view why) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;  // answered meanwhile
  // From here on libunbound does not call on_answer(); in its thread the lookup runs to its end.
  if (found->second->asked) ub_cancel(context_.get(), found->second->async_id);
  finish(id, fail(code, to_string(found->second->question) + ": " + std::string(why)));
}

void UnboundEngine::finish(std::uint64_t id, Outcome outcome) {
  auto node = pending_.extract(id);
  if (node.empty()) return;
  if (node.mapped()->asked) --asked_;
  node.mapped()->done(std::move(outcome));
}

void UnboundEngine::stop() {
  if (stopped_.exchange(true)) return;
  while (!pending_.empty())
    give_up(pending_.begin()->first, Errc::cancelled, "shutting down");
  answers_.release();
  context_.reset();  // waits for libunbound's thread, which drops what it is at
}

asio::awaitable<Result<Answer<std::string>>> ask(std::shared_ptr<UnboundEngine> engine,
                                                 Question question) {
  // Bound to a name first: GCC 12 mishandles closures that are temporaries of a co_await.
  auto initiate = [engine, question](auto handler) {
    engine->submit(question, std::move(handler));
  };
  FULMAR_CO_TRY(
      LookupResult result,
      (co_await asio::async_initiate<const asio::use_awaitable_t<>, void(UnboundEngine::Outcome)>(
          std::move(initiate), asio::use_awaitable)));
  co_return judge(question, std::move(result));
}

}  // namespace fulmar::resolver
