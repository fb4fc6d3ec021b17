#include "mta/notice/words.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace fulmar::notice {
namespace {

/// A row is for one class; with `subject` (and `detail`) only for statuses that agree. The first
/// row that fits counts.
struct Row {
  Errc code;
  std::optional<std::uint16_t> subject;
  std::optional<std::uint16_t> detail;
  Words words;
};

// Earlier attempts may have ended in other ways, so this speaks of the latest one only.
constexpr std::string_view kNothingLeft = "Nothing was sent in the latest attempt.";
constexpr std::string_view kNothingUnprotected =
    "Nothing was sent without protection: {domain} asks for protected delivery, and we never do "
    "with less.";
constexpr std::string_view kNothingAgainstRule =
    "Nothing was sent without protection: our operator demands protected delivery to {domain}, and "
    "we never do with less.";
constexpr std::string_view kNothingAgainstWish =
    "Nothing was sent without protection: you asked for it, and we never do with less.";
// In the place of a claim about all attempts: nothing was owed then, or somebody had waived it.
constexpr std::string_view kEnvelopeShown =
    "A server of {domain} was told sender and recipient without protection, but not the message.";
constexpr std::string_view kContentShown =
    "An earlier attempt gave the message without proven protection to a server of {domain}, and "
    "got "
    "no confirmation that it was taken.";
constexpr std::string_view kNotTaken =
    "The other server did not take the message, so nothing was delivered to this address.";
constexpr std::string_view kTheirOperator =
    "The operator of {domain} can mend this; please tell them by another way.";
constexpr std::string_view kAskThem =
    "The operator of {domain} can tell the reason and mend it; their server's words below may help "
    "them.";

// In the order of Errc.
constexpr auto kRows = std::to_array<Row>({
    {Errc::dns_bogus,
     {},
     {},
     {"What {domain} publishes about its mail servers is damaged or forged: its signature does not "
      "hold.",
      "Nothing was sent; nobody vouches for the place where the message would have gone.",
      "The operator of {domain} can mend this by repairing the signatures of their domain.",
      Claim::always}},
    {Errc::dns_servfail,
     {},
     {},
     {"Our server could not find out where mail for {domain} goes: the lookup failed.",
      kNothingLeft,
      "Our operator ({postmaster}) can tell whether the trouble is ours or that of {domain}, and "
      "mend it or pass it on."}},
    {Errc::dns_timeout,
     {},
     {},
     {"Our server could not find out where mail for {domain} goes: nobody answered in time.",
      kNothingLeft,
      "Our operator ({postmaster}) can tell whether the trouble is ours or that of {domain}, and "
      "mend it or pass it on."}},
    {Errc::dns_malformed,
     {},
     {},
     {"What {domain} publishes about its mail servers cannot be read.", kNothingLeft,
      kTheirOperator}},
    {Errc::domain_not_found,
     {},
     {},
     {"The domain {domain} does not exist; perhaps there is a slip in the address.",
      "Nothing was sent; there is no place to send it to.",
      "You can mend this: look closely at what stands after the @ sign, and send the message "
      "again.",
      Claim::always}},
    {Errc::null_mx,
     {},
     {},
     {"{domain} states that it takes no mail at all.",
      "Nothing was sent; there is no place to send it to.",
      "You can mend this by writing to another address; the operator of {domain} has chosen to "
      "take no mail.",
      Claim::always}},
    {Errc::no_addresses,
     {},
     {},
     {"{domain} names mail servers, but none of them can be found on the network.", kNothingLeft,
      kTheirOperator}},
    {Errc::mail_loop,
     {},
     {},
     {"The way to {domain} leads in a circle, back to servers that the message has already passed.",
      "Nothing was delivered to this address; we stopped the message here.",
      "Our operator ({postmaster}) and the operator of {domain} can mend this together."}},
    {Errc::address_refused,
     {},
     {},
     {"{domain} places its mail server at a network address where no public server can be.",
      kNothingLeft, kTheirOperator}},
    {Errc::connect_failed,
     {},
     {},
     {"No mail server of {domain} could be reached.", kNothingLeft,
      "The operator of {domain} can mend this; most often it passes by itself."}},
    {Errc::connection_lost,
     {},
     {},
     {"The connection to a mail server of {domain} broke off before the message was taken over.",
      "We have no word that anything was delivered to this address.",
      "The operator of {domain} can mend this; most often it passes by itself."}},
    {Errc::dane_lookup,
     {},
     {},
     {"We could not find out safely what protection {domain} asks for, and without knowing it we "
      "do not send.",
      "Nothing was sent without protection; your message waited here instead.",
      "The operator of {domain} can mend this; if other protected domains fail too, it is our "
      "operator ({postmaster}).",
      Claim::always}},
    {Errc::dane_mismatch,
     {},
     {},
     {"A mail server of {domain} could not prove that it is the right one: "
      "its certificate is not the one that {domain} announces.",
      kNothingUnprotected,
      "The operator of {domain} can mend this: the certificate and its announcement must agree.",
      Claim::always}},
    {Errc::dane_no_tls,
     {},
     {},
     {"{domain} demands encryption, but encryption with its mail server could not be set up.",
      kNothingUnprotected,
      "The operator of {domain} can mend this: their mail server must offer the encryption that "
      "they demand.",
      Claim::always}},
    {Errc::sts_mx_mismatch,
     {},
     {},
     {"The mail server found for {domain} is not among those that {domain} itself declares as its "
      "own.",
      kNothingUnprotected,
      "The operator of {domain} can mend this: their list of servers and the servers in use must "
      "agree.",
      Claim::always}},
    {Errc::sts_certificate,
     {},
     {},
     {"A mail server of {domain} could not prove that it is the right one: its certificate is not "
      "valid for it.",
      kNothingUnprotected,
      "The operator of {domain} can mend this: their mail server needs a valid certificate.",
      Claim::always}},
    {Errc::sts_no_tls,
     {},
     {},
     {"{domain} demands encryption, but encryption with its mail server could not be set up.",
      kNothingUnprotected,
      "The operator of {domain} can mend this: their mail server must offer the encryption that "
      "they demand.",
      Claim::always}},
    {Errc::dane_required,
     {},
     {},
     {"Our operator demands that servers of {domain} prove themselves by a certificate that the "
      "domain announces, and it announces none.",
      kNothingAgainstRule,
      "Our operator ({postmaster}) can mend this by another rule, or the operator of {domain} by "
      "such an announcement.",
      Claim::always}},
    {Errc::sts_unknown,
     {},
     {},
     {"We could not find out what protection {domain} offers, and without knowing it we do not "
      "send "
      "this message.",
      "Nothing was sent without protection; your message waited here instead.",
      "The operator of {domain} can mend this; if other protected domains fail too, it is our "
      "operator ({postmaster}).",
      Claim::always}},
    {Errc::sts_required,
     {},
     {},
     {"Our operator demands that {domain} declare its mail servers and their protection, and no "
      "such declaration was found.",
      kNothingAgainstRule,
      "Our operator ({postmaster}) can mend this by another rule, or the operator of {domain} by "
      "such a declaration.",
      Claim::always}},
    {Errc::rule_certificate,
     {},
     {},
     {"A mail server of {domain} could not prove that it is the right one: its certificate is not "
      "valid for the names that our operator has set.",
      kNothingAgainstRule,
      "Our operator ({postmaster}) can mend this by another rule, or the operator of {domain} by a "
      "valid certificate.",
      Claim::always}},
    {Errc::rule_no_tls,
     {},
     {},
     {"Our operator demands encryption for {domain}, but encryption with its mail server could not "
      "be set up.",
      kNothingAgainstRule,
      "The operator of {domain} can mend this by offering encryption, or our operator "
      "({postmaster}) by another rule.",
      Claim::always}},
    {Errc::requiretls_unsupported,
     {},
     {},
     {"You asked that this message be delivered only under proven protection, and the mail server "
      "of {domain} does not promise to keep it up.",
      kNothingAgainstWish,
      "The operator of {domain} can mend this by making their server promise it, or you by sending "
      "without that demand.",
      Claim::always}},
    {Errc::requiretls_unmet,
     {},
     {},
     {"You asked that this message be delivered only under proven protection, and the mail server "
      "of {domain} could not give that proof.",
      kNothingAgainstWish,
      "The operator of {domain} can mend this by protecting their server provably, or you by "
      "sending without that demand.",
      Claim::always}},
    {Errc::tls_handshake,
     {},
     {},
     {"Encryption with a mail server of {domain} could not be set up, and we are told not to send "
      "without it.",
      "Nothing was sent without encryption.",
      "The operator of {domain} can mend this; our operator ({postmaster}) can help to find the "
      "cause.",
      Claim::always}},
    {Errc::remote_temporary,
     2,
     2,
     {"The mail server of {domain} says that the recipient's mailbox is full.", kNotTaken,
      "The recipient can mend this by making room in the mailbox, or else the operator of "
      "{domain}."}},
    {Errc::remote_temporary,
     {},
     {},
     {"The mail server of {domain} did not take the message for now; its own words stand below.",
      kNotTaken, kAskThem}},
    {Errc::remote_permanent,
     1,
     1,
     {"The mail server of {domain} says that there is no such address.", kNotTaken,
      "You can mend this: look for a slip in the address; the operator of {domain} knows which "
      "addresses exist."}},
    {Errc::remote_permanent,
     2,
     1,
     {"The mail server of {domain} says that this mailbox takes no mail at present.", kNotTaken,
      kAskThem}},
    {Errc::remote_permanent,
     2,
     2,
     {"The mail server of {domain} says that the recipient's mailbox is full.", kNotTaken,
      "The recipient can mend this by making room in the mailbox, or else the operator of "
      "{domain}."}},
    {Errc::remote_permanent,
     2,
     3,
     {"The mail server of {domain} says that the message is too large for this mailbox.", kNotTaken,
      "You can mend this by sending a smaller message, for example with a link in place of an "
      "attachment."}},
    {Errc::remote_permanent,
     3,
     4,
     {"The mail server of {domain} says that the message is too large.", kNotTaken,
      "You can mend this by sending a smaller message, for example with a link in place of an "
      "attachment."}},
    {Errc::remote_permanent,
     7,
     {},
     {"The mail server of {domain} refused the message by a rule of its own; its words stand "
      "below.",
      kNotTaken, kAskThem}},
    {Errc::remote_permanent,
     {},
     {},
     {"The mail server of {domain} refused the message; its own words stand below.", kNotTaken,
      kAskThem}},
    {Errc::remote_protocol,
     {},
     {},
     {"The mail server of {domain} gave answers that our server cannot understand.", kNotTaken,
      kTheirOperator}},
    {Errc::relay_unusable,
     {},
     {},
     {"Our server sends mail for this address by way of {domain}, and cannot find that server or "
      "may "
      "not use it.",
      kNothingLeft, "Our operator ({postmaster}) can mend this."}},
    {Errc::relay_auth,
     {},
     {},
     {"The server that takes our mail for {domain} did not accept the login that our operator has "
      "set.",
      kNothingLeft,
      "Our operator ({postmaster}) can mend this; neither you nor {domain} did anything wrong."}},
    {Errc::message_too_big,
     {},
     {},
     {"The message is larger than the mail server of {domain} allows.", kNothingLeft,
      "You can mend this by sending a smaller message, for example with a link in place of an "
      "attachment."}},
    {Errc::eight_bit_unsupported,
     {},
     {},
     {"The message is written in a form that the mail server of {domain} cannot take.",
      kNothingLeft,
      "You can mend this by having your mail program send plain text; the operator of {domain} by "
      "renewing their server."}},
    {Errc::smtputf8_unsupported,
     {},
     {},
     {"The message has letters in an address, a name or the subject that the mail server of "
      "{domain} cannot handle.",
      kNothingLeft,
      "You can mend this by using plain Latin letters there; the operator of {domain} by "
      "renewing their server."}},
    {Errc::expired,
     {},
     {},
     {"The message could not be delivered within the time that we allow.",
      "We have no word that anything was delivered to this address.",
      "Our operator ({postmaster}) can tell what stood in the way."}},
    {Errc::administrative,
     3,
     2,
     {"Our operator has suspended the sending of mail to {domain}.",
      "We have no word that anything was delivered to this address.",
      "Our operator ({postmaster}) can tell you why; neither you nor {domain} need have done "
      "anything wrong."}},
    {Errc::administrative,
     {},
     {},
     {"Our operator has ended the delivery of this message, and gives this reason: {reason}",
      "We have no word that anything was delivered to this address.",
      "Our operator ({postmaster}) can tell you more."}},
});

constexpr Words kOwnTrouble = {
    "Our own server had trouble and could not work on the message.", kNothingLeft,
    "Our operator ({postmaster}) can mend this; neither you nor {domain} did anything wrong."};

// Whoever took it over: nothing is wrong yet, and nobody has anything to mend.
constexpr std::string_view kTookItOver =
    "The server {server} has taken it over from us, and with it the duty to deliver it.";
constexpr std::string_view kWhoKnows =
    "If it does not arrive, the operator of {domain} can tell what became of it.";
constexpr Words kRelayed = {
    kTookItOver, "The message was sent, encrypted on its way to that server.", kWhoKnows};
constexpr Words kRelayedAndTold = {
    kTookItOver,
    "The message was sent, encrypted on its way; a server was told sender and recipient without "
    "that before.",
    kWhoKnows};
constexpr Words kRelayedAndShown = {
    kTookItOver,
    "The message was sent; it was not proven to be protected on its way, now or in an earlier "
    "attempt.",
    kWhoKnows};

bool fits(const Row& row, const Error& failure) {
  return row.code == failure.code && (!row.subject || *row.subject == failure.status.subject) &&
         (!row.detail || *row.detail == failure.status.detail);
}

}  // namespace

const Words& words_for(const Error& failure) {
  const auto* found =
      std::ranges::find_if(kRows, [&](const Row& row) { return fits(row, failure); });
  return found == kRows.end() ? kOwnTrouble : found->words;
}

const Words& words_for_relayed(queue::Exposure exposure) {
  switch (exposure) {
    case queue::Exposure::nothing:
      return kRelayed;
    case queue::Exposure::envelope:
      return kRelayedAndTold;
    case queue::Exposure::content:
      return kRelayedAndShown;
  }
  std::unreachable();
}

std::string_view sent_sentence(const Words& words, queue::Exposure exposure) {
  if (words.claim == Claim::latest) return words.sent;
  switch (exposure) {
    case queue::Exposure::nothing:
      return words.sent;
    case queue::Exposure::envelope:
      return kEnvelopeShown;
    case queue::Exposure::content:
      return kContentShown;
  }
  std::unreachable();
}

std::string fill_in(std::string_view sentence, const Values& values) {
  std::string result;
  while (!sentence.empty()) {
    const std::size_t open = sentence.find('{');
    result += sentence.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = sentence.find('}', open);
    const std::string_view name = sentence.substr(open + 1, close - open - 1);
    result += name == "domain"   ? values.domain
              : name == "reason" ? values.reason
              : name == "server" ? values.server
                                 : values.postmaster;
    sentence.remove_prefix(close + 1);
  }
  return result;
}

}  // namespace fulmar::notice
