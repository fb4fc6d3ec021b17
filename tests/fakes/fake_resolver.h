// A Resolver that is fed with records. Names that nobody fed are insecure NXDOMAIN. A name with
// records of other types is NODATA with the security of its first record. Aliases are followed; one
// insecure link makes the rest insecure.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <initializer_list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/lookup_result.h"
#include "resolver/resolver.h"

namespace fulmar::resolver {

class FakeResolver : public Resolver {
 public:
  using Type = RecordType;

  void add_mx(std::string_view name, std::uint16_t preference, std::string_view exchange,
              Security security = Security::insecure) {
    add(mx_, name, Type::mx, MxRecord{preference, domain(exchange)}, security);
  }
  void add_a(std::string_view name, std::initializer_list<std::string_view> addresses,
             Security security = Security::insecure) {
    for (const auto address : addresses) {
      add(a_, name, Type::a, IpAddress::parse(address).value(), security);
    }
  }
  void add_aaaa(std::string_view name, std::initializer_list<std::string_view> addresses,
                Security security = Security::insecure) {
    for (const auto address : addresses) {
      add(aaaa_, name, Type::aaaa, IpAddress::parse(address).value(), security);
    }
  }
  void add_txt(std::string_view name, std::string_view text,
               Security security = Security::insecure) {
    add(txt_, name, Type::txt, TxtRecord{std::string(text)}, security);
  }
  void add_tlsa(std::string_view name, TlsaRecord record, Security security = Security::secure) {
    add(tlsa_, name, Type::tlsa, std::move(record), security);
  }
  /// A TLSA RRset of which no record can be decoded.
  void add_undecodable_tlsa(std::string_view name, Security security = Security::secure) {
    const std::scoped_lock lock(mutex_);
    tlsa_[domain(name)];
    types_[domain(name)].emplace_back(Type::tlsa, security);
  }
  void add_cname(std::string_view name, std::string_view target,
                 Security link = Security::insecure) {
    add(cname_, name, Type::cname, domain(target), link);
  }
  /// Lookups of this type at this name end with an error; with an alias, at the end of the chain or
  /// on the way.
  void fail(std::string_view name, Type type, Errc code) {
    const std::scoped_lock lock(mutex_);
    failures_.insert_or_assign({domain(name), type}, code);
  }
  void nxdomain(std::string_view name, Security security = Security::insecure) {
    const std::scoped_lock lock(mutex_);
    absent_.insert_or_assign(domain(name), security);
  }
  /// The name exists and holds nothing but what else was added.
  void no_data(std::string_view name, Security security) {
    const std::scoped_lock lock(mutex_);
    empty_.insert_or_assign(domain(name), security);
  }
  /// Takes away everything known of `name`.
  void forget(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    const Domain key = domain(name);
    mx_.erase(key), a_.erase(key), aaaa_.erase(key), txt_.erase(key), tlsa_.erase(key);
    cname_.erase(key), types_.erase(key), absent_.erase(key), empty_.erase(key);
    fresh_.erase(key), fresh_failures_.erase(key);
    std::erase_if(failures_, [&key](const auto& entry) { return entry.first.first == key; });
  }
  /// From now on fresh TLSA lookups at this name find these records, securely, and not those of
  /// add_tlsa(); none: the name denies them securely.
  void set_fresh_tlsa(std::string_view name, std::vector<TlsaRecord> records) {
    const std::scoped_lock lock(mutex_);
    fresh_.insert_or_assign(domain(name), std::move(records));
  }
  /// Fresh TLSA lookups at this name end with an error, such as Errc::limit; others do not.
  void fail_fresh_tlsa(std::string_view name, Errc code) {
    const std::scoped_lock lock(mutex_);
    fresh_failures_.insert_or_assign(domain(name), code);
  }
  void set_ttl(std::chrono::seconds ttl) {
    const std::scoped_lock lock(mutex_);
    ttl_ = ttl;
  }

  /// "TLSA _25._tcp.mx1.example", in the order they were asked.
  [[nodiscard]] std::vector<std::string> queries() const {
    const std::scoped_lock lock(mutex_);
    return queries_;
  }
  void forget_queries() {
    const std::scoped_lock lock(mutex_);
    queries_.clear();
  }
  /// The fresh ones, "TLSA _25._tcp.mx1.example" too; they are not among queries().
  [[nodiscard]] std::vector<std::string> fresh_queries() const {
    const std::scoped_lock lock(mutex_);
    return fresh_queries_;
  }
  [[nodiscard]] bool was_asked(std::string_view name, Type type) const {
    return std::ranges::count(queries(), to_string(Question{domain(name), type})) > 0;
  }
  [[nodiscard]] bool was_asked_for(Type type) const {
    const std::string prefix = to_string(Question{domain("x"), type});
    return std::ranges::any_of(queries(), [&prefix](const std::string& query) {
      return query.starts_with(prefix.substr(0, prefix.size() - 1));
    });
  }

  boost::asio::awaitable<Result<Answer<MxRecord>>> mx(Domain name) override {
    co_return look_up(name, Type::mx, mx_);
  }
  boost::asio::awaitable<Result<Answer<IpAddress>>> a(Domain name) override {
    co_return look_up(name, Type::a, a_);
  }
  boost::asio::awaitable<Result<Answer<IpAddress>>> aaaa(Domain name) override {
    co_return look_up(name, Type::aaaa, aaaa_);
  }
  boost::asio::awaitable<Result<Answer<TxtRecord>>> txt(Domain name) override {
    co_return look_up(name, Type::txt, txt_);
  }
  boost::asio::awaitable<Result<Answer<TlsaRecord>>> tlsa(Domain name) override {
    co_return look_up(name, Type::tlsa, tlsa_);
  }
  /// The same as tlsa(), unless it was told otherwise. No limit of its own.
  boost::asio::awaitable<Result<Answer<TlsaRecord>>> fresh_tlsa(Domain name) override {
    co_return look_up_fresh(name);
  }
  boost::asio::awaitable<Result<Answer<Domain>>> cname(Domain name) override {
    co_return look_up(name, Type::cname, cname_);
  }

 private:
  template <class Record>
  using Table = std::map<Domain, std::vector<Record>>;
  using TypeAndSecurity = std::pair<Type, Security>;

  static Domain domain(std::string_view name) { return Domain::parse(name).value(); }

  static Security weaker(Security one, Security other) { return std::min(one, other); }

  template <class Record>
  void add(Table<Record>& table, std::string_view name, Type type, Record record,
           Security security) {
    const std::scoped_lock lock(mutex_);
    table[domain(name)].push_back(std::move(record));
    types_[domain(name)].emplace_back(type, security);
  }

  const TypeAndSecurity* find_type(const Domain& name, Type type) const {
    const auto found = types_.find(name);
    if (found == types_.end()) return nullptr;
    const auto entry = std::ranges::find(found->second, type, &TypeAndSecurity::first);
    return entry == found->second.end() ? nullptr : &*entry;
  }

  /// Existence and security of a name without records of the type asked for.
  std::pair<Existence, Security> deny(const Domain& name) const {
    if (const auto absent = absent_.find(name); absent != absent_.end()) {
      return {Existence::no_domain, absent->second};
    }
    if (const auto empty = empty_.find(name); empty != empty_.end()) {
      return {Existence::no_data, empty->second};
    }
    const auto known = types_.find(name);
    if (known == types_.end()) return {Existence::no_domain, Security::insecure};
    return {Existence::no_data, known->second.front().second};
  }

  template <class Record>
  Result<Answer<Record>> look_up(Domain name, Type type, const Table<Record>& table) {
    const std::scoped_lock lock(mutex_);
    queries_.push_back(to_string(Question{name, type}));
    return find(std::move(name), type, table);
  }

  Result<Answer<TlsaRecord>> look_up_fresh(Domain name) {
    const std::scoped_lock lock(mutex_);
    const std::string question = to_string(Question{name, Type::tlsa});
    fresh_queries_.push_back(question);
    if (const auto failure = fresh_failures_.find(name); failure != fresh_failures_.end()) {
      return fulmar::fail(failure->second, question + ": as the test wants it");
    }
    const auto fresh = fresh_.find(name);
    if (fresh == fresh_.end()) return find(std::move(name), Type::tlsa, tlsa_);
    return Answer<TlsaRecord>{
        .existence = fresh->second.empty() ? Existence::no_data : Existence::records,
        .security = Security::secure,
        .records = fresh->second,
        .canonical = std::move(name),
        .ttl = ttl_};
  }

  template <class Record>
  Result<Answer<Record>> find(Domain name, Type type, const Table<Record>& table) const {
    const std::string question = to_string(Question{name, type});
    Answer<Record> answer{
        .security = Security::secure, .records = {}, .canonical = name, .ttl = ttl_};
    for (int links = 0; links < 12; ++links) {
      const Domain& at = answer.canonical;
      if (const auto failure = failures_.find({at, type}); failure != failures_.end()) {
        return fulmar::fail(failure->second, question + ": as the test wants it");
      }
      if (const auto* entry = find_type(at, type)) {
        answer.existence = Existence::records;
        answer.security = weaker(answer.security, entry->second);
        answer.records = table.at(at);
        return answer;
      }
      const auto* alias = find_type(at, Type::cname);
      if (alias == nullptr) {
        const auto [existence, security] = deny(at);
        answer.existence = existence;
        answer.security = weaker(answer.security, security);
        return answer;
      }
      answer.security = weaker(answer.security, alias->second);
      answer.canonical = Domain(cname_.at(at).front());
    }
    return fulmar::fail(Errc::dns_servfail, question + ": alias loop");
  }

  mutable std::mutex mutex_;
  Table<MxRecord> mx_;
  Table<IpAddress> a_;
  Table<IpAddress> aaaa_;
  Table<TxtRecord> txt_;
  Table<TlsaRecord> tlsa_;
  Table<Domain> cname_;
  std::map<Domain, std::vector<TypeAndSecurity>> types_;
  std::map<std::pair<Domain, Type>, Errc> failures_;
  std::map<Domain, Security> absent_;
  std::map<Domain, Security> empty_;
  std::chrono::seconds ttl_{3600};
  std::map<Domain, std::vector<TlsaRecord>> fresh_;
  std::map<Domain, Errc> fresh_failures_;
  std::vector<std::string> queries_;
  std::vector<std::string> fresh_queries_;
};

}  // namespace fulmar::resolver
