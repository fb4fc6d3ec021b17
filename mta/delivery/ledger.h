// What has become of each recipient so far in one attempt, and what was held against the hosts that
// did not take them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "mta/delivery/basis.h"
#include "mta/delivery/verdict.h"
#include "mta/smtp/client_session.h"
#include "queue/message.h"

namespace fulmar::delivery {

enum class RecipientState : std::uint8_t { delivered, deferred, bounced };

struct RecipientResult {
  RecipientState state = RecipientState::deferred;
  HostFailure failure;     ///< Unless delivered.
  bool one_cause = false;  ///< Every host was tried and failed for the class of `failure`.
  std::string host;        ///< Who took it: "mx1.b.example[192.0.2.7]:25"; empty unless delivered.
  std::string reply;       ///< Its words, one line; empty unless delivered.
  /// Whether it took over the duty to tell the sender; means nothing unless delivered.
  smtp::DsnDuty dsn_duty = smtp::DsnDuty::ours;
  std::string tls = "none";                             ///< The mail log's label.
  queue::Exposure exposure = queue::Exposure::nothing;  ///< What this attempt showed in clear.
  /// How far the message came in this attempt, at any host; means nothing once delivered.
  queue::Given given = queue::Given::nothing;
};

/// A host is named by its position in the route.
class Ledger {
 public:
  explicit Ledger(std::size_t recipients) : entries_(recipients) {}

  [[nodiscard]] bool all_decided() const;
  [[nodiscard]] bool is_decided(std::size_t recipient) const {
    return entries_[recipient].result.has_value();
  }

  /// Of a host or a whole route: it concerns everybody who is still undecided.
  void note_failure(std::size_t host, Basis basis, const HostFailure& failure);

  /// The outcomes of one session, as many and in the order of those undecided. `label` is the
  /// host's, `tls` the mail log's word for the session.
  enum class Again : std::uint8_t { no, yes };
  struct Session {
    std::size_t host = 0;
    Basis basis = Basis::fact;  ///< Of the failure that ended it, if one did.
    /// It went under TLS, but not to whom it was owed: as good as in clear.
    bool shown_unproven = false;
    /// There was no TLS, for a reason that may pass: "not now", a connection that broke.
    bool may_pass = false;
    /// The most that was sent, over the dialogues before the last one too.
    smtp::Shown shown = smtp::Shown::nothing;
    std::string label;
    std::string tls;
  };
  /// `yes`: some were refused for their number alone, and the same host takes them next (SMTP-19).
  Again merge(const Session& session, const smtp::SessionResult& result);

  /// The policy is another one: what rested on it no longer stands, at any host.
  void forget_policy_failures();
  // What rests on something that could not be looked up again, or might be otherwise for a host
  // that was not tried, is no reason to give up.
  void leave_policy_open();
  void leave_records_open(std::size_t host);
  void cut_short() { cut_short_ = true; }
  /// A host was not tried because it failed for another message a moment ago: no reason to give up
  /// in this attempt, and no other cause either.
  void spare_host() { spared_ = true; }
  /// The host's records are others.
  void forget_host(std::size_t host);

  /// Every recipient gets exactly one state. RFC 5321 §5.1
  [[nodiscard]] std::vector<RecipientResult> conclude(const conf::Failure& rules) &&;

 private:
  struct Noted {
    std::size_t host = 0;
    Basis basis = Basis::fact;
    HostFailure failure;
    std::optional<Errc> open_as;  // no reason to give up yet: under this class then
  };
  struct Entry {
    std::optional<RecipientResult> result;  // once decided
    std::vector<Noted> failures;
    queue::Exposure exposure = queue::Exposure::nothing;
    queue::Given given = queue::Given::nothing;
  };

  static void settle(Entry& entry, const Session& session, const smtp::RecipientOutcome& outcome);
  [[nodiscard]] RecipientResult give_up(const Entry& entry, const conf::Failure& rules) const;

  std::vector<Entry> entries_;
  bool cut_short_ = false;  // not every host was tried
  bool spared_ = false;     // nor this one, for a failure that is known
};

}  // namespace fulmar::delivery
