// The spool, as an interface with a durability promise. RocksDbStore is the embedded one;
// tests/fakes/mem_store.h has fault switches. Nothing above this file may know which one it is.
//
// THE PROMISE. When commit() has returned success, every operation of the batch, and every body
// chunk appended before for the messages it puts, survives a crash of the process, the kernel and
// the machine (as far as the disk honours a flush). A batch is atomic: after a crash all of it is
// there or none. When commit() returns an error, the caller must assume that nothing was stored and
// must not acknowledge anything to anybody; once the disk works again, or after a restart, the
// batch may still turn out to be there in full, which can only mean a duplicate, never a loss.
// commit_relaxed() is atomic in the same way and survives a crash of the process, but not of the
// machine: for facts whose loss only costs work, such as the time of the next attempt. What is
// given to remove_soon() survives nothing until it is reported, some milliseconds later as a rule:
// for the end of what was delivered, whose loss costs a duplicate.
//
// When is a message safe? When commit() of the batch that puts it has returned success; not before.
// mta/intake says 250 there and nowhere else.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/message_id.h"
#include "base/result.h"
#include "queue/message.h"

namespace fulmar::queue {

// The operations of a batch.
struct PutMessage {
  Message message;
};
struct PutChunk {
  MessageId message;
  std::uint32_t index = 0;
  std::string bytes;  ///< 1..kChunkSize octets
};
struct PutDelivery {
  Delivery delivery;
};
struct RemoveDelivery {
  MessageId message;
  MailHost destination;
};
/// The envelope and all body chunks 0..chunks-1.
struct RemoveMessage {
  MessageId message;
  std::uint32_t chunks = 0;
};
/// Free-form records of other parts: `table` is one of the constants below, `key` 1..512 octets.
struct PutRecord {
  std::string_view table;  ///< a literal
  std::string key;
  std::string value;
};
struct RemoveRecord {
  std::string_view table;
  std::string key;
};

inline constexpr std::string_view kPolicies = "policies";  ///< MTA-STS cache entries, by domain.
/// Destinations that an operator has suspended, by domain.
inline constexpr std::string_view kSuspensions = "suspensions";
/// What senders are owed and not told yet, by an id of the record.
inline constexpr std::string_view kOwedNotices = "owed-notices";
/// When the postmaster was told of troubles last (mta/operator_digest.h).
inline constexpr std::string_view kOperatorDigest = "operator-digest";
/// There from a stop that left no attempt without its end to the next start, under "done".
inline constexpr std::string_view kCleanStop = "clean-stop";

using Operation = std::variant<PutMessage, PutChunk, PutDelivery, RemoveDelivery, RemoveMessage,
                               PutRecord, RemoveRecord>;
using Batch = std::vector<Operation>;

/// A record that does not decode: left where it is, named here, never touched again by the program.
struct SetAside {
  std::string key;  ///< Printable: queue id and destination as far as they can be read, else hex.
  Error why;        ///< Errc::corrupt, or newer_version.
};

/// Called with each delivery that goes on, on a thread of the store.
using DeliveryVisitor = std::function<void(const Delivery&)>;

/// What else a restart finds.
struct Recovered {
  std::vector<SetAside> set_aside;
  /// Messages with a delivery among `set_aside`: their envelope and body must stay even when their
  /// other deliveries end, for an operator may still mend that record.
  std::vector<MessageId> pinned;
  std::uint64_t orphans_removed =
      0;  ///< Chunks and envelopes of messages that were never acknowledged or are done.
};

/// A whole body in memory, cut as it is in the spool: each chunk is full but the last.
using BodyChunks = std::vector<std::string>;

/// A delivery with its message.
struct Stored {
  Message message;
  Delivery delivery;
  std::optional<std::string> body;
};

/// All operations may be called from any thread and resume the caller on its executor; the database
/// never runs on a network thread. Errors: store_failed (with the engine's words), store_full,
/// cancelled after close().
class Store {
 public:
  virtual ~Store() = default;

  /// See THE PROMISE. Many callers share one synced write.
  virtual boost::asio::awaitable<Result<>> commit(Batch batch) = 0;
  virtual boost::asio::awaitable<Result<>> commit_relaxed(Batch batch) = 0;

  /// For removals that nobody waits for. Atomic, and in order with all that is written by others;
  /// goes along with the next write, which begins 5 ms later at the latest, or when the one under
  /// way ends. A write that fails is made again. `removed` is called once, as commit_relaxed()
  /// would return, on a thread of the store; it must not block; never when the spool is closed
  /// before that. REQUIRES: `removals` only removes, and nobody puts again what it removes: a
  /// removal that is made once more would take that away.
  virtual void remove_soon(Batch removals, std::move_only_function<void()> removed) = 0;

  /// One chunk of a body that is still arriving. Nothing is promised before the commit() that puts
  /// its message; chunks whose message never comes are removed by discard_body(), or at the next
  /// start.
  virtual boost::asio::awaitable<Result<>> append_chunk(PutChunk chunk) = 0;
  virtual boost::asio::awaitable<Result<>> discard_body(MessageId message,
                                                        std::uint32_t chunks) = 0;

  /// Errc::not_found when the record does not exist, corrupt or newer_version when it does not
  /// decode.
  virtual boost::asio::awaitable<Result<Message>> read_message(MessageId id) = 0;
  virtual boost::asio::awaitable<Result<std::string>> read_chunk(MessageId id,
                                                                 std::uint32_t index) = 0;
  virtual boost::asio::awaitable<Result<Delivery>> read_delivery(MessageId id,
                                                                 MailHost destination) = 0;

  /// Both, and the body where it is one chunk, in one go: what an attempt needs. Errors as above; a
  /// body that cannot be read is not there, and read_chunk() says why.
  virtual boost::asio::awaitable<Result<Stored>> read_stored(MessageId id,
                                                             MailHost destination) = 0;

  /// All (key, value) of a table; for start-up.
  virtual boost::asio::awaitable<Result<std::vector<std::pair<std::string, std::string>>>>
  read_table(std::string_view table) = 0;

  /// Once, before anything else is read or written. Nothing is kept in memory but what is returned
  /// and twelve octets a message; no body is read.
  virtual boost::asio::awaitable<Result<Recovered>> recover(DeliveryVisitor found) = 0;

  /// Octets free on the spool's file system; Errc::io when that cannot be told.
  [[nodiscard]] virtual Result<std::uint64_t> free_space() const = 0;

  /// False after a write failed, until one succeeds again. For health.
  [[nodiscard]] virtual bool writable() const = 0;

  /// While writable() is false: whether room is what it wants. For the words to clients.
  [[nodiscard]] virtual bool full() const = 0;

  /// Finishes what was handed over, then refuses. Blocks; call it off the network threads.
  virtual void close() = 0;
};

}  // namespace fulmar::queue
