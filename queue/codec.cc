#include "queue/codec.h"

#include <utility>
#include <variant>

#include "base/wire.h"

namespace fulmar::queue {
namespace {

constexpr std::uint8_t kMessageTag = 'M';
constexpr std::uint8_t kDeliveryTag = 'D';
// docs/queue-format.md has every layout. Of a message, 1 ends with the header, 2 before SMTPUTF8, 3
// with the user. Of a delivery, 1 has neither first host nor since when its recipients fail, 2 not
// whether it is held, 3 neither NOTIFY nor ORCPT, 4 not how far the message came.
constexpr std::uint8_t kMessageVersion = 4;
constexpr std::uint8_t kDeliveryVersion = 5;

constexpr char kHostDomain = 'd';
constexpr char kHostV4 = '4';
constexpr char kHostV6 = '6';

// The fewest octets an element can have: bounds what a count may claim before anything is allocated
// for it.
constexpr std::size_t kSmallestRecipientV1 = 4 + 4 + 4 + 1 + 4 + 4 + 1;
constexpr std::size_t kSmallestRecipientV2 = kSmallestRecipientV1 + 8 + 1;
constexpr std::size_t kSmallestRecipientV4 = kSmallestRecipientV2 + 1 + 4;
constexpr std::size_t kSmallestRecipient = kSmallestRecipientV4 + 1 + 1;
constexpr std::size_t kSmallestAttempt = 8 + 4;

std::string host_text(const MailHost& host) {
  if (const auto* domain = std::get_if<Domain>(&host)) return kHostDomain + domain->str();
  const auto& address = std::get<IpAddress>(host);
  const bool v4 = address.family() == AddressFamily::v4;
  std::string text(1, v4 ? kHostV4 : kHostV6);
  text.append(reinterpret_cast<const char*>(address.bytes().data()), v4 ? 4 : 16);
  return text;
}

template <std::size_t N>
std::array<std::uint8_t, N> to_array(std::string_view bytes) {
  std::array<std::uint8_t, N> array{};
  for (std::size_t i = 0; i < N; ++i)
    array[i] = static_cast<std::uint8_t>(bytes[i]);
  return array;
}

Result<MailHost> parse_host(std::string_view text) {
  if (text.empty()) return fail(Errc::corrupt, "host without a kind");
  const std::string_view rest = text.substr(1);
  if (text.front() == kHostV4 && rest.size() == 4) return IpAddress::from_v4(to_array<4>(rest));
  if (text.front() == kHostV6 && rest.size() == 16) return IpAddress::from_v6(to_array<16>(rest));
  if (text.front() != kHostDomain) return fail(Errc::corrupt, "host of unknown kind");
  if (rest.empty()) return Domain{};
  auto domain = Domain::parse(rest);
  // Names were canonical when they were written; any other spelling would make a second key for the
  // same name.
  if (!domain || domain->str() != rest) return fail(Errc::corrupt, "malformed host name");
  return *std::move(domain);
}

void put_mailbox(Writer& out, const Mailbox& mailbox) {
  out.text(mailbox.local_part);
  out.text(host_text(mailbox.host));
  out.text(mailbox.text);
}

Result<Mailbox> get_mailbox(Reader& in) {
  FULMAR_TRY(const std::string_view local, in.text());
  FULMAR_TRY(const std::string_view host, in.text());
  FULMAR_TRY(const std::string_view text, in.text());
  // An address goes into commands and notices: what could end a line there must never come out of
  // the spool.
  constexpr std::string_view kLineEnds("\r\n\0", 3);
  if (local.find_first_of(kLineEnds) != std::string_view::npos ||
      text.find_first_of(kLineEnds) != std::string_view::npos) {
    return fail(Errc::corrupt, "address with a line end");
  }
  FULMAR_TRY(MailHost parsed, parse_host(host));
  return Mailbox{std::string(local), std::move(parsed), std::string(text)};
}

void put_error(Writer& out, const Error& error) {
  // By name: names are stable, the order of the enumerators is not.
  out.text(to_string(error.code));
  out.u8(std::to_underlying(error.retry));
  out.u8(error.status.klass);
  out.u16(error.status.subject);
  out.u16(error.status.detail);
  out.text(error.detail);
}

Result<Error> get_error(Reader& in) {
  FULMAR_TRY(const std::string_view name, in.text());
  FULMAR_TRY(const std::uint8_t retry, in.u8());
  Error error;
  FULMAR_TRY(error.status.klass, in.u8());
  FULMAR_TRY(error.status.subject, in.u16());
  FULMAR_TRY(error.status.detail, in.u16());
  FULMAR_TRY(error.detail, in.text());
  const auto code = parse_errc(name);
  if (!code) return fail(Errc::corrupt, "unknown class of failure");
  if (retry > std::to_underlying(Retry::never)) return fail(Errc::corrupt, "unknown retry class");
  error.code = *code;
  error.retry = static_cast<Retry>(retry);
  return error;
}

// NOTIFY in one octet.
constexpr std::uint8_t kStated = 1;
constexpr std::uint8_t kSuccess = 2;
constexpr std::uint8_t kFailure = 4;
constexpr std::uint8_t kDelay = 8;

void put_notify(Writer& out, const DsnNotify& notify) {
  const auto bit = [](bool wanted, std::uint8_t value) { return wanted ? value : 0; };
  out.u8(static_cast<std::uint8_t>(bit(notify.stated, kStated) | bit(notify.success, kSuccess) |
                                   bit(notify.failure, kFailure) | bit(notify.delay, kDelay)));
}

Result<DsnNotify> get_notify(Reader& in) {
  FULMAR_TRY(const std::uint8_t bits, in.u8());
  const bool stated = (bits & kStated) != 0;
  if (bits >= 2 * kDelay || (bits != 0 && !stated)) return fail(Errc::corrupt, "unknown NOTIFY");
  return DsnNotify{.stated = stated,
                   .success = (bits & kSuccess) != 0,
                   .failure = (bits & kFailure) != 0,
                   .delay = (bits & kDelay) != 0};
}

void put_recipient(Writer& out, const Recipient& recipient) {
  put_mailbox(out, recipient.address);
  out.flag(recipient.last_failure.has_value());
  if (recipient.last_failure) put_error(out, *recipient.last_failure);
  out.text(recipient.last_host);
  out.text(recipient.last_reply);
  out.u8(std::to_underlying(recipient.exposure));
  out.time(recipient.failing_since);
  out.flag(recipient.one_cause);
  put_notify(out, recipient.notify);
  out.text(recipient.original_recipient);
  out.u8(std::to_underlying(recipient.given.latest));
  out.u8(std::to_underlying(recipient.given.before));
}

Result<Recipient> get_recipient_v1(Reader& in) {
  Recipient recipient;
  FULMAR_TRY(recipient.address, get_mailbox(in));
  FULMAR_TRY(const bool failed, in.flag());
  if (failed) {
    FULMAR_TRY(recipient.last_failure, get_error(in));
  }
  FULMAR_TRY(recipient.last_host, in.text());
  FULMAR_TRY(recipient.last_reply, in.text());
  FULMAR_TRY(const std::uint8_t exposure, in.u8());
  if (exposure > std::to_underlying(Exposure::content)) {
    return fail(Errc::corrupt, "unknown exposure");
  }
  recipient.exposure = static_cast<Exposure>(exposure);
  return recipient;
}

Result<Recipient> get_recipient_v2(Reader& in) {
  FULMAR_TRY(Recipient recipient, get_recipient_v1(in));
  FULMAR_TRY(recipient.failing_since, in.time());
  FULMAR_TRY(recipient.one_cause, in.flag());
  return recipient;
}

/// It goes into a command: nothing but an ORCPT value may come out of the spool.
Result<Recipient> get_recipient_v4(Reader& in) {
  FULMAR_TRY(Recipient recipient, get_recipient_v2(in));
  FULMAR_TRY(recipient.notify, get_notify(in));
  FULMAR_TRY(recipient.original_recipient, in.text());
  if (!recipient.original_recipient.empty() &&
      !is_original_recipient(recipient.original_recipient)) {
    return fail(Errc::corrupt, "malformed ORCPT");
  }
  return recipient;
}

Result<Given> get_given(Reader& in) {
  FULMAR_TRY(const std::uint8_t given, in.u8());
  if (given > std::to_underlying(Given::in_doubt))
    return fail(Errc::corrupt, "unknown extent of what was sent");
  return static_cast<Given>(given);
}

Result<Recipient> get_recipient(Reader& in) {
  FULMAR_TRY(Recipient recipient, get_recipient_v4(in));
  FULMAR_TRY(recipient.given.latest, get_given(in));
  FULMAR_TRY(recipient.given.before, get_given(in));
  return recipient;
}

Result<Attempt> get_attempt(Reader& in) {
  Attempt attempt;
  FULMAR_TRY(attempt.at, in.time());
  FULMAR_TRY(attempt.decision, in.text());
  return attempt;
}

/// They go into a command as well.
Result<> get_message_v3(Reader& in, Message& message) {
  FULMAR_TRY(message.smtputf8, in.flag());
  FULMAR_TRY(const std::uint8_t ret, in.u8());
  FULMAR_TRY(message.envelope_id, in.text());
  FULMAR_TRY(message.user, in.text());
  if (ret > std::to_underlying(DsnReturn::headers)) return fail(Errc::corrupt, "unknown RET");
  if (!is_xtext(message.envelope_id)) return fail(Errc::corrupt, "malformed ENVID");
  message.ret = static_cast<DsnReturn>(ret);
  return {};
}

template <class T>
Result<std::vector<T>> get_list(Reader& in, std::size_t smallest, Result<T> (*get)(Reader&)) {
  FULMAR_TRY(const std::uint32_t count, in.u32());
  if (count > in.left() / smallest) return fail(Errc::corrupt, "count runs past the end");
  std::vector<T> items;
  items.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    FULMAR_TRY(T item, get(in));
    items.push_back(std::move(item));
  }
  return items;
}

/// The record's version.
Result<std::uint8_t> check_head(Reader& in, std::uint8_t want_tag, std::uint8_t newest) {
  FULMAR_TRY(const std::uint8_t tag, in.u8());
  FULMAR_TRY(const std::uint8_t version, in.u8());
  if (tag != want_tag) return fail(Errc::corrupt, "not a record of this kind");
  if (version == 0) return fail(Errc::corrupt, "record version 0");
  if (version > newest) {
    return fail(Errc::newer_version, "record version " + std::to_string(version) +
                                         ", this program knows " + std::to_string(newest));
  }
  return version;
}

Result<> check_end(const Reader& in) {
  if (in.left() != 0) return fail(Errc::corrupt, "octets left over");
  return {};
}

}  // namespace

std::string encode(const Message& message) {
  Writer out;
  out.u8(kMessageTag);
  out.u8(kMessageVersion);
  out.id(message.id);
  out.flag(message.sender.has_value());
  if (message.sender) put_mailbox(out, *message.sender);
  out.time(message.arrived);
  out.u64(message.size);
  out.u32(message.chunks);
  out.flag(message.eight_bit);
  out.text(message.client);
  out.text(message.helo);
  out.text(message.header);
  out.flag(message.requiretls);
  out.flag(message.tls_optional);
  out.flag(message.smtputf8);
  out.u8(std::to_underlying(message.ret));
  out.text(message.envelope_id);
  out.text(message.user);
  out.flag(message.about.has_value());
  if (message.about) out.id(*message.about);
  return std::move(out).take();
}

Result<Message> decode_message(std::string_view bytes) {
  Reader in(bytes);
  FULMAR_TRY(const std::uint8_t version, check_head(in, kMessageTag, kMessageVersion));
  Message message;
  FULMAR_TRY(message.id, in.id());
  FULMAR_TRY(const bool has_sender, in.flag());
  if (has_sender) {
    FULMAR_TRY(message.sender, get_mailbox(in));
  }
  FULMAR_TRY(message.arrived, in.time());
  FULMAR_TRY(message.size, in.u64());
  FULMAR_TRY(message.chunks, in.u32());
  FULMAR_TRY(message.eight_bit, in.flag());
  FULMAR_TRY(message.client, in.text());
  FULMAR_TRY(message.helo, in.text());
  FULMAR_TRY(message.header, in.text());
  if (version >= 2) {
    FULMAR_TRY(message.requiretls, in.flag());
    FULMAR_TRY(message.tls_optional, in.flag());
  }
  if (version >= 3) {
    FULMAR_TRY_VOID(get_message_v3(in, message));
  }
  if (version >= 4) {
    FULMAR_TRY(const bool is_notice, in.flag());
    if (is_notice) {
      FULMAR_TRY(message.about, in.id());
    }
  }
  FULMAR_TRY_VOID(check_end(in));
  return message;
}

std::string encode(const Delivery& delivery) {
  Writer out;
  out.u8(kDeliveryTag);
  out.u8(kDeliveryVersion);
  out.id(delivery.message);
  out.text(host_text(delivery.destination));
  out.time(delivery.arrived);
  out.time(delivery.next_attempt);
  out.u32(delivery.attempts);
  out.u32(delivery.delay_notices);
  out.u32(delivery.first_host);
  out.flag(delivery.held);
  out.u32(static_cast<std::uint32_t>(delivery.recipients.size()));
  for (const Recipient& recipient : delivery.recipients)
    put_recipient(out, recipient);
  out.u32(static_cast<std::uint32_t>(delivery.history.size()));
  for (const Attempt& attempt : delivery.history) {
    out.time(attempt.at);
    out.text(attempt.decision);
  }
  return std::move(out).take();
}

Result<Delivery> decode_delivery(std::string_view bytes) {
  Reader in(bytes);
  FULMAR_TRY(const std::uint8_t version, check_head(in, kDeliveryTag, kDeliveryVersion));
  Delivery delivery;
  FULMAR_TRY(delivery.message, in.id());
  FULMAR_TRY(const std::string_view host, in.text());
  FULMAR_TRY(delivery.destination, parse_host(host));
  FULMAR_TRY(delivery.arrived, in.time());
  FULMAR_TRY(delivery.next_attempt, in.time());
  FULMAR_TRY(delivery.attempts, in.u32());
  FULMAR_TRY(delivery.delay_notices, in.u32());
  if (version >= 2) {
    FULMAR_TRY(delivery.first_host, in.u32());
    if (version >= 3) {
      FULMAR_TRY(delivery.held, in.flag());
    }
    if (version >= 5) {
      FULMAR_TRY(delivery.recipients, get_list(in, kSmallestRecipient, &get_recipient));
    } else if (version == 4) {
      FULMAR_TRY(delivery.recipients, get_list(in, kSmallestRecipientV4, &get_recipient_v4));
    } else {
      FULMAR_TRY(delivery.recipients, get_list(in, kSmallestRecipientV2, &get_recipient_v2));
    }
  } else {
    FULMAR_TRY(delivery.recipients, get_list(in, kSmallestRecipientV1, &get_recipient_v1));
    for (Recipient& recipient : delivery.recipients) {
      recipient.failing_since = delivery.arrived;
      recipient.one_cause = recipient.last_failure.has_value();
    }
  }
  // What the attempts of an older program came to, nobody knows.
  if (version < 5 && delivery.attempts > 0) {
    for (Recipient& recipient : delivery.recipients)
      recipient.given = {.latest = Given::unknown, .before = Given::unknown};
  }
  FULMAR_TRY(delivery.history, get_list(in, kSmallestAttempt, &get_attempt));
  FULMAR_TRY_VOID(check_end(in));
  return delivery;
}

std::string message_key(const MessageId& id) {
  return {reinterpret_cast<const char*>(id.bytes().data()), MessageId::kBytes};
}

std::string delivery_key(const MessageId& id, const MailHost& destination) {
  return message_key(id) + host_text(destination);
}

std::string chunk_key(const MessageId& id, std::uint32_t index) {
  // Big-endian, so that chunks stand in order.
  std::string key = message_key(id);
  for (int shift = 24; shift >= 0; shift -= 8)
    key += static_cast<char>(index >> shift & 0xFF);
  return key;
}

Result<MessageId> parse_message_id(std::string_view key) {
  if (key.size() < MessageId::kBytes) return fail(Errc::corrupt, "key shorter than a queue id");
  return MessageId::from_bytes(to_array<MessageId::kBytes>(key));
}

Result<MailHost> parse_destination(std::string_view key) {
  FULMAR_TRY_VOID(parse_message_id(key));
  return parse_host(key.substr(MessageId::kBytes));
}

}  // namespace fulmar::queue
