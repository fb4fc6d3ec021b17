#include "mta/smtp/client_envelope.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "base/utf8_address.h"
#include "mta/smtp/command.h"

namespace fulmar::smtp {
namespace {

bool needs_smtputf8(const OutgoingEnvelope& envelope) {
  return envelope.smtputf8 || !is_ascii(envelope.reverse_path) ||
         !std::ranges::all_of(envelope.recipients,
                              [](const OutgoingRecipient& to) { return is_ascii(to.address); });
}

/// RFC 6533 §3: without SMTPUTF8 an original recipient beyond ASCII goes in the form of seven bits,
/// or not at all where that is too long for a command.
std::string original_for(const std::string& original, const MailParameters& mail) {
  if (mail.smtputf8 || is_ascii(original)) return original;
  std::string form = seven_bit_form(original);
  return form.size() <= kMaxOriginalRecipient ? form : std::string();
}

RcptParameters rcpt_parameters(const OutgoingRecipient& recipient, const MailParameters& mail,
                               const Capabilities& offers) {
  if (!offers.dsn) return {};
  return {.notify = recipient.notify,
          .original_recipient = original_for(recipient.original_recipient, mail)};
}

/// What the message needs and the server does not offer is found out here, without asking the
/// server to refuse it.
Result<> check_fit(const OutgoingEnvelope& envelope, const Capabilities& offers) {
  if (envelope.requiretls == OutgoingEnvelope::RequireTls::demanded && !offers.requiretls) {
    return fail(Errc::requiretls_unsupported,  // RFC 8689 §4.2.1
                "the message needs REQUIRETLS, which the host does not offer");
  }
  if (needs_smtputf8(envelope) && !offers.smtputf8) {  // RFC 6531 §3.2
    return fail(Errc::smtputf8_unsupported,
                "the message needs SMTPUTF8, which the host does not offer");
  }
  if (envelope.eight_bit && !offers.eight_bit_mime) {  // RFC 6152 §3
    return fail(Errc::eight_bit_unsupported,
                "the message has 8-bit content and the host does not offer 8BITMIME");
  }
  if (offers.size_limit && envelope.size > *offers.size_limit) {  // RFC 1870 §6.1
    return fail(Errc::message_too_big, "the message has " + std::to_string(envelope.size) +
                                           " octets, the host takes " +
                                           std::to_string(*offers.size_limit));
  }
  return {};
}

}  // namespace

Handover choose_handover(const OutgoingEnvelope& envelope, const Capabilities& offers) {
  if (!offers.chunking) return Handover::data;
  if (envelope.size <= kMaxFlight) return Handover::flight;
  // A large message takes as many round trips either way, unless each chunk has to wait for the
  // reply to the one before.
  return offers.pipelining ? Handover::chunks : Handover::data;
}

Result<EnvelopeCommands> EnvelopeCommands::create(const OutgoingEnvelope& envelope,
                                                  const Capabilities& offers, Handover handover) {
  FULMAR_TRY_VOID(check_fit(envelope, offers));
  // RFC 5321 §4.1.1.11: parameters only of extensions that the latest EHLO lists.
  MailParameters parameters = {
      .size = offers.size ? std::optional(envelope.size) : std::nullopt,
      .eight_bit = envelope.eight_bit,
      .smtputf8 = needs_smtputf8(envelope),
      .requiretls = envelope.requiretls != OutgoingEnvelope::RequireTls::no && offers.requiretls};
  if (offers.dsn) {  // RFC 3461 §5.2.1
    parameters.ret = envelope.ret;
    parameters.envelope_id = envelope.envelope_id;
  }
  std::vector<std::string> commands;
  commands.reserve(envelope.recipients.size() + 2);
  FULMAR_TRY(std::string mail, write_mail(envelope.reverse_path, parameters));
  commands.push_back(std::move(mail));
  for (const OutgoingRecipient& recipient : envelope.recipients) {
    const RcptParameters asked = rcpt_parameters(recipient, parameters, offers);
    FULMAR_TRY(std::string rcpt, write_rcpt(recipient.address, asked));
    commands.push_back(std::move(rcpt));
  }
  if (handover == Handover::data) commands.emplace_back("DATA");
  for (std::string& command : commands)
    command += "\r\n";
  return EnvelopeCommands(std::move(commands),
                          offers.pipelining ? Grouping::pipelined : Grouping::none, handover);
}

void EnvelopeCommands::add_message(std::string octets) {
  FULMAR_CHECK(handover_ == Handover::flight && sent_ == 0);
  commands_.push_back(write_bdat(octets.size(), LastChunk::yes) + "\r\n");
  message_ = std::move(octets);
}

std::string EnvelopeCommands::next_group() {
  FULMAR_CHECK(unanswered() == 0);
  const std::size_t most = grouping_ == Grouping::pipelined ? kMaxUnanswered : 1;
  std::string group;
  while (sent_ < commands_.size() && unanswered() < most) {
    const std::string& command = commands_[sent_];
    if (!group.empty() && group.size() + command.size() > kMaxUnansweredOctets) break;
    group += command;
    ++sent_;
  }
  if (all_sent()) group += std::exchange(message_, {});
  return group;
}

EnvelopeCommands::Answered EnvelopeCommands::count_reply() {
  FULMAR_CHECK(unanswered() > 0);
  const std::size_t index = answered_++;
  if (index == 0) return {.stage = Stage::mail};
  if (index + 1 == commands_.size() && handover_ != Handover::chunks) {
    return {.stage = handover_ == Handover::flight ? Stage::final_dot : Stage::data};
  }
  return {.stage = Stage::rcpt, .recipient = index - 1};
}

}  // namespace fulmar::smtp
