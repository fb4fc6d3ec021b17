#include "resolver/self_test.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace fulmar::resolver {
namespace {

boost::asio::awaitable<SelfTestName> ask(Resolver& resolver, Domain name) {
  SelfTestName asked;
  asked.name = name;
  if (name.is_root()) co_return asked;
  const auto answer = co_await resolver.a(std::move(name));
  if (answer) {
    asked.answer = answer->security;
  } else {
    asked.answer = fail(answer.error());
  }
  co_return asked;
}

}  // namespace

boost::asio::awaitable<SelfTestVerdict> run_self_test(Resolver& resolver, conf::Resolver config) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto [signed_name, unsigned_name, bogus_name] =
      co_await (ask(resolver, config.self_test_signed) &&
                ask(resolver, config.self_test_unsigned) && ask(resolver, config.self_test_bogus));
  const SelfTestFacts facts{.signed_name = std::move(signed_name),
                            .unsigned_name = std::move(unsigned_name),
                            .bogus_name = std::move(bogus_name),
                            .upstreams = std::move(config.forward_to)};
  co_return judge_self_test(facts);
}

}  // namespace fulmar::resolver
