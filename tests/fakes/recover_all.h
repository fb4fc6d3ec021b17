// Everything a start finds, deliveries included, as one value.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "queue/store.h"

namespace fulmar::queue {

struct RecoveredAll : Recovered {
  std::vector<Delivery> deliveries;
};

inline boost::asio::awaitable<Result<RecoveredAll>> recover_all(Store& store) {
  RecoveredAll all;
  FULMAR_CO_TRY(Recovered rest, co_await store.recover([&all](const Delivery& delivery) {
    all.deliveries.push_back(delivery);
  }));
  static_cast<Recovered&>(all) = std::move(rest);
  co_return all;
}

}  // namespace fulmar::queue
