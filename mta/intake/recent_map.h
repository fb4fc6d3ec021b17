// A map that holds so many keys and no more: who was renewed the longest ago goes first. For tables
// whose keys clients choose (pitfall 89).
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <utility>

namespace fulmar::intake {

/// Not thread-safe. References and pointers to values live until the key is erased or pushed out.
template <class Key, class Value>
class RecentMap {
 public:
  /// REQUIRES: limit > 0.
  explicit RecentMap(std::size_t limit) : limit_(limit) {}

  /// Null when it is not there. Does not renew.
  [[nodiscard]] Value* find(const Key& key) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->second;
  }

  /// The key's value, or a new one, for which the oldest makes room.
  Value& renew(const Key& key) {
    if (const auto found = index_.find(key); found != index_.end()) {
      items_.splice(items_.end(), items_, found->second);
      return found->second->second;
    }
    if (index_.size() >= limit_) erase(Key(items_.front().first));
    items_.emplace_back(key, Value{});
    return index_.emplace(key, std::prev(items_.end())).first->second->second;
  }

  void erase(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    items_.erase(found->second);
    index_.erase(found);
  }

  [[nodiscard]] std::size_t size() const { return index_.size(); }

 private:
  using Items = std::list<std::pair<Key, Value>>;

  const std::size_t limit_;
  Items items_;  // the oldest first
  std::map<Key, typename Items::iterator> index_;
};

}  // namespace fulmar::intake
