// A control server over FakeOperations on a thread of its own, listening in a directory that goes
// away with it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "mta/control/server.h"
#include "tests/mta/control/fake_operations.h"

namespace fulmar::control {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "fulmar-control-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Runs from construction to destruction. Read `operations` only between requests.
class TestDaemon {
 public:
  explicit TestDaemon(const std::string& socket) {
    auto opened =
        ControlServer::open({.socket = socket, .group = ""}, operations, context_.get_executor());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().detail);
    if (!opened) return;
    server_ = *std::move(opened);
    server_->start();
    thread_ = std::jthread([this] { context_.run(); });
  }
  ~TestDaemon() {
    boost::asio::post(context_, [this] { server_.reset(); });
    if (thread_.joinable()) thread_.join();
  }
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  FakeOperations operations;

 private:
  boost::asio::io_context context_{1};
  std::unique_ptr<ControlServer> server_;
  std::jthread thread_;
};

}  // namespace fulmar::control
