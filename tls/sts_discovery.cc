#include "tls/sts_discovery.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "tls/mta_sts_policy.h"
#include "tls/policy_events.h"

namespace fulmar::tls {

namespace asio = boost::asio;

/// One lookup on its way, and all who wait for it. The resolver keeps the deadline.
struct StsDiscovery::Question {
  explicit Question(const asio::any_io_executor& executor)
      : answered(executor, SteadyTime::max()) {}

  std::optional<Result<LiveId>> answer;
  asio::steady_timer answered;  ///< Cancelled when the answer is there.
};

StsDiscovery::StsDiscovery(resolver::Resolver& resolver, asio::any_io_executor executor)
    : resolver_(resolver), executor_(std::move(executor)) {}

asio::awaitable<Result<LiveId>> StsDiscovery::find_live_id(Domain domain) {
  const QuestionPtr question = question_for(domain);
  if (!question->answer) {
    co_await question->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (question->answer) co_return *question->answer;
  co_return fail(Errc::cancelled, "stopped while the MTA-STS record was being looked up");
}

void StsDiscovery::stop() {
  for (const auto& [domain, question] : questions_)
    question->answered.cancel();
}

/// It may be answered when this returns: co_spawn runs at once on its own executor.
StsDiscovery::QuestionPtr StsDiscovery::question_for(const Domain& domain) {
  if (const auto asked = questions_.find(domain); asked != questions_.end()) return asked->second;
  auto question = std::make_shared<Question>(executor_);
  questions_.emplace(domain, question);
  // Not part of any caller's own chain of coroutines: a caller that gives up must not take the
  // others' answer along.
  asio::co_spawn(executor_, ask(domain),
                 [this, domain, question](std::exception_ptr thrown, Result<LiveId> answer) {
                   if (thrown) answer = fail(report_thrown(std::move(thrown)));
                   question->answer = std::move(answer);
                   questions_.erase(domain);
                   question->answered.cancel();
                 });
  return question;
}

asio::awaitable<Result<LiveId>> StsDiscovery::ask(Domain domain) {
  const auto name = Domain::parse(domain.with_prefix("_mta-sts").str());
  if (!name) co_return LiveId{};  // the prefix made it too long to exist
  const auto answer = co_await resolver_.txt(*name);
  if (!answer) co_return fail(answer.error());
  auto record = parse_sts_record(answer->records);
  if (record) co_return LiveId{std::move(record->id)};
  if (record.error().code == Errc::not_found) co_return LiveId{};
  co_return fail(std::move(record).error());
}

}  // namespace fulmar::tls
