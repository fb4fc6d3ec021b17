#include "resolver/unbound_fresh.h"

#include "resolver/tlsa.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <sstream>
#include <utility>

namespace fulmar::resolver {

namespace asio = boost::asio;

namespace {

/// Empty when it cannot be read: then nothing compares equal to what was proven.
std::string read_anchor(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return file ? text.str() : std::string();
}

}  // namespace

FreshLookups::FreshLookups(conf::Resolver config, asio::any_io_executor executor,
                           const Clock& clock)
    : config_(std::move(config)),
      anchor_(read_anchor(config_.trust_anchor)),
      executor_(std::move(executor)),
      clock_(clock) {}

asio::awaitable<Result<Answer<std::string>>> FreshLookups::ask(std::shared_ptr<FreshLookups> self,
                                                               Question question) {
  const auto executor = self->executor_;
  auto at_home = ask_at_home(std::move(self), std::move(question));
  co_return co_await asio::co_spawn(executor, std::move(at_home), asio::use_awaitable);
}

asio::awaitable<Result<Answer<std::string>>> FreshLookups::ask_at_home(
    std::shared_ptr<FreshLookups> self, Question question) {
  if (const auto* known = self->recall(question.name)) co_return *known;
  FULMAR_CO_TRY(auto engine, self->board(question));
  const Seat seat(*self, question.name);
  auto answer = co_await resolver::ask(std::move(engine), question);
  if (answer) self->remember(question.name, *answer);
  co_return answer;
}

const Answer<std::string>* FreshLookups::recall(const Domain& name) {
  const auto found = remembered_.find(name);
  if (found == remembered_.end()) return nullptr;
  if (clock_.steady_now() < found->second.until) return &found->second.answer;
  remembered_.erase(found);
  return nullptr;
}

/// Not past the TTL, and not past the minute after which the name may be asked for again.
void FreshLookups::remember(const Domain& name, const Answer<std::string>& answer) {
  if (answer.records.size() > kMaxTlsaRecords) return;  // a lookup that failed, to who asked
  const auto now = clock_.steady_now();
  if (remembered_.size() >= FreshLimit::kMaxNames) {
    std::erase_if(remembered_, [now](const auto& entry) { return entry.second.until <= now; });
  }
  if (remembered_.size() >= FreshLimit::kMaxNames) return;
  const auto life = std::min<SteadyTime::duration>(answer.ttl, FreshLimit::kEach);
  remembered_.insert_or_assign(name, Remembered{answer, now + life});
}

Result<std::shared_ptr<UnboundEngine>> FreshLookups::board(const Question& question) {
  if (stopped_) return fail(Errc::cancelled, to_string(question) + ": shutting down");
  const auto found = flights_.find(question.name);
  if (found != flights_.end()) {
    ++found->second.waiting;
    return found->second.engine;
  }
  return take_off(question);
}

Result<std::shared_ptr<UnboundEngine>> FreshLookups::take_off(const Question& question) {
  if (flights_.size() >= kMaxAtOnce) {
    return fail(Errc::limit, to_string(question) + ": too many fresh lookups at once");
  }
  if (!limit_.take(question.name, clock_.steady_now())) {
    return fail(Errc::limit, to_string(question) + ": looked up afresh a moment ago");
  }
  // An anchor that nobody has proven would make insecure what is secure.
  if (anchor_.empty() || read_anchor(config_.trust_anchor) != anchor_) {
    return fail(Errc::dns_servfail, to_string(question) + ": the trust anchor " +
                                        config_.trust_anchor + " was changed since the start");
  }
  auto context = create_unbound_context(config_, ContextUse::one_lookup);
  if (!context) {
    // Files that were readable when the program started.
    return fail(Errc::dns_servfail, to_string(question) + ": " + context.error().detail);
  }
  auto engine = std::make_shared<UnboundEngine>(*std::move(context), executor_, config_.timeout);
  engine->watch();
  flights_.emplace(question.name, Flight{.engine = engine, .waiting = 1});
  return engine;
}

void FreshLookups::leave(const Domain& name) {
  const auto found = flights_.find(name);
  if (found == flights_.end() || --found->second.waiting > 0) return;
  found->second.engine->stop();
  flights_.erase(found);
}

void FreshLookups::stop() {
  stopped_ = true;
  for (const auto& [name, flight] : flights_)
    flight.engine->stop();
  flights_.clear();
}

}  // namespace fulmar::resolver
