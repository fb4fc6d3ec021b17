#include "mta/intake/incoming_message.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/log.h"

namespace fulmar::intake {

namespace asio = boost::asio;

namespace {

/// A larger body is never held: those who wait would wait for it.
constexpr std::size_t kMostHeld = 4UL << 20;

}  // namespace

IncomingMessage::IncomingMessage(queue::Store& store, Budget& memory, queue::Message message,
                                 std::vector<smtp::IncomingRecipient> recipients)
    : store_(store),
      message_(std::move(message)),
      recipients_(std::move(recipients)),
      share_(memory) {
  FULMAR_CHECK(!recipients_.empty());
}

/// One chunk always.
bool IncomingMessage::may_hold(std::size_t octets) {
  return octets <= queue::kChunkSize || (octets <= kMostHeld && share_.grow_to(octets));
}

asio::awaitable<Result<>> IncomingMessage::append(std::string bytes) {
  header_.add(bytes);
  message_.size += bytes.size();
  hold(bytes);
  if (!streaming_ && !may_hold(held_octets_)) {
    streaming_ = true;
    share_.give_back();
  }
  if (!streaming_) co_return Result<>{};
  co_return co_await hand_over_full_chunks();
}

void IncomingMessage::hold(std::string_view bytes) {
  held_octets_ += bytes.size();
  while (!bytes.empty()) {
    if (held_.empty() || held_.back().size() == queue::kChunkSize) {
      // Beyond one chunk there are many, and growing bit by bit would copy each octet once more.
      const bool long_body = !held_.empty() || appended_ > 0;
      held_.emplace_back().reserve(long_body ? queue::kChunkSize : 0);
    }
    const std::size_t count = std::min(bytes.size(), queue::kChunkSize - held_.back().size());
    held_.back() += bytes.substr(0, count);
    bytes.remove_prefix(count);
  }
}

/// A full chunk stays here until something follows it: the last one goes with the envelope.
asio::awaitable<Result<>> IncomingMessage::hand_over_full_chunks() {
  queue::BodyChunks full = std::exchange(held_, {});
  held_.push_back(std::move(full.back()));
  full.pop_back();
  held_octets_ = held_.back().size();
  for (std::string& bytes : full) {
    queue::PutChunk chunk{.message = message_.id, .index = appended_, .bytes = std::move(bytes)};
    ++appended_;  // even if it fails: it may be there
    FULMAR_CO_TRY_VOID(co_await store_.append_chunk(std::move(chunk)));
  }
  co_return Result<>{};
}

/// What the store does not have yet, for the first attempt; null when it is to be read back.
std::shared_ptr<const queue::BodyChunks> IncomingMessage::keep_body() {
  struct Kept {
    queue::BodyChunks chunks;
    Budget::Share share;
  };
  if (streaming_ || !share_.grow_to(held_octets_)) return nullptr;
  auto kept = std::make_shared<const Kept>(std::exchange(held_, {}), std::move(share_));
  return {kept, &kept->chunks};
}

/// Of `chunks` copies, since they are kept; without them, what is held itself.
void IncomingMessage::put_body(const queue::BodyChunks* chunks, queue::Batch& batch) {
  std::uint32_t index = appended_;
  for (std::string& bytes : held_)
    batch.emplace_back(queue::PutChunk{message_.id, index++, std::move(bytes)});
  if (chunks == nullptr) return;
  for (const std::string& bytes : *chunks)
    batch.emplace_back(queue::PutChunk{message_.id, index++, bytes});
}

asio::awaitable<Result<AcceptedMessage>> IncomingMessage::commit(smtp::DataFacts facts) {
  FULMAR_CHECK(!held_.empty());
  auto body = keep_body();
  queue::Batch batch;
  put_body(body.get(), batch);
  message_.chunks = appended_ + static_cast<std::uint32_t>(batch.size());
  message_.eight_bit = facts.eight_bit;
  // RFC 8689 §4.1: beside REQUIRETLS the header field is only content.
  message_.tls_optional = facts.tls_required_no && !message_.requiretls;
  message_.smtputf8 = message_.smtputf8 && needs_smtputf8(facts);
  message_.header = header_.whole_fields();
  AcceptedMessage accepted{
      .message = message_, .deliveries = deliveries(), .body = std::move(body)};
  batch.emplace_back(queue::PutMessage{message_});
  for (const queue::Delivery& delivery : accepted.deliveries)
    batch.emplace_back(queue::PutDelivery{delivery});
  FULMAR_CO_TRY_VOID(co_await store_.commit(std::move(batch)));
  co_return accepted;
}

/// EAI-02: what is ASCII all through can go to any host, whatever its client declared.
bool IncomingMessage::needs_smtputf8(const smtp::DataFacts& facts) const {
  const auto beyond_ascii = [](const Mailbox& address) { return !is_ascii(address.text); };
  return facts.eight_bit_header || (message_.sender && beyond_ascii(*message_.sender)) ||
         std::ranges::any_of(recipients_, beyond_ascii, &smtp::IncomingRecipient::address);
}

asio::awaitable<void> IncomingMessage::discard() {
  if (appended_ == 0) co_return;
  const auto discarded = co_await store_.discard_body(message_.id, appended_);
  if (!discarded) {
    log_debug("body chunks left for the next start",
              {{"id", message_.id.str()}, {"reason", to_string(discarded.error())}});
  }
}

/// One for each domain, in the order in which they were first named.
std::vector<queue::Delivery> IncomingMessage::deliveries() const {
  std::vector<queue::Delivery> result;
  std::map<MailHost, std::size_t> places;
  for (const smtp::IncomingRecipient& recipient : recipients_) {
    const MailHost& host = recipient.address.host;
    const auto [place, added] = places.try_emplace(host, result.size());
    if (added) {
      queue::Delivery& delivery = result.emplace_back();
      delivery.message = message_.id;
      delivery.destination = host;
      delivery.arrived = message_.arrived;
      delivery.next_attempt = message_.arrived;
    }
    queue::Recipient& entry = result[place->second].recipients.emplace_back();
    entry.address = recipient.address;
    entry.notify = recipient.notify;
    entry.original_recipient = recipient.original_recipient;
  }
  return result;
}

}  // namespace fulmar::intake
