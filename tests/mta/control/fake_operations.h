// Operations that remember what they were asked and answer what the test says.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "mta/control/operations.h"
#include "mta/control/queue_filter.h"

namespace fulmar::control {

class FakeOperations final : public Operations {
 public:
  Result<boost::json::value> answer = boost::json::value(boost::json::object{{"done", true}});
  boost::json::value set_aside = boost::json::array{};  // answers quarantine()
  std::vector<std::string> asked;
  bool throws = false;  // as a library may, out of policy_list()

  boost::asio::awaitable<boost::json::value> status() override {
    asked.emplace_back("status");
    co_return answer ? *answer : boost::json::value(nullptr);
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_list(QueueFilter filter) override {
    co_return note("list " + text(filter));
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_show(MessageId id) override {
    co_return note("show " + id.str());
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_retry(QueueFilter filter) override {
    co_return note("retry " + text(filter));
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_hold(QueueFilter filter) override {
    co_return note("hold " + text(filter));
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_release(QueueFilter filter) override {
    co_return note("release " + text(filter));
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_bounce(QueueFilter filter,
                                                                  std::string reason) override {
    co_return note("bounce " + text(filter) + " because " + reason);
  }
  boost::asio::awaitable<Result<boost::json::value>> quarantine() override {
    asked.emplace_back("quarantine");
    co_return set_aside;
  }
  boost::asio::awaitable<Result<boost::json::value>> suspend(conf::DomainPattern domain,
                                                             std::chrono::seconds time,
                                                             std::string reason) override {
    co_return note("suspend " + domain.str() + " for " + std::to_string(time.count()) +
                   " s because " + reason);
  }
  boost::asio::awaitable<Result<boost::json::value>> resume(conf::DomainPattern domain) override {
    co_return note("resume " + domain.str());
  }
  boost::asio::awaitable<Result<boost::json::value>> suspended() override {
    co_return note("suspended");
  }
  boost::asio::awaitable<Result<boost::json::value>> queue_delete(QueueFilter filter,
                                                                  std::string reason) override {
    co_return note("delete " + text(filter) + " because " + reason);
  }
  boost::asio::awaitable<Result<boost::json::value>> policy_list() override {
    if (throws) throw std::runtime_error("broken");
    co_return note("policies");
  }
  boost::asio::awaitable<Result<boost::json::value>> policy_show(Domain domain) override {
    co_return note("policy " + domain.str());
  }
  boost::asio::awaitable<Result<boost::json::value>> policy_refresh(Domain domain) override {
    co_return note("refresh " + domain.str());
  }
  boost::asio::awaitable<Result<boost::json::value>> policy_forget(Domain domain) override {
    co_return note("forget " + domain.str());
  }
  boost::asio::awaitable<Result<boost::json::value>> explain(std::string target,
                                                             Connect connect) override {
    co_return note("explain " + target + (connect == Connect::yes ? " with connect" : ""));
  }

 private:
  static std::string text(const QueueFilter& filter) {
    return boost::json::serialize(filter_to_json(filter));
  }
  Result<boost::json::value> note(std::string question) {
    asked.push_back(std::move(question));
    return answer;
  }
};

}  // namespace fulmar::control
