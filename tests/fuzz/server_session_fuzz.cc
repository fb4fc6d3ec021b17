// The listener's session against any client: replies stay well-formed, questions come in a sensible
// order, and no stored body holds a bare CR or LF, a NUL, or more than the limit.
//
// The first octet chooses options; after that 0xFF followed by n cuts the stream: what stands
// before arrives in one piece, and n decides how the program answers until the next cut.
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "mta/smtp/command.h"
#include "mta/smtp/server_header_scan.h"
#include "mta/smtp/server_session.h"

namespace {

using namespace fulmar;
using namespace fulmar::smtp;

constexpr std::uint64_t kMessageSize = 500;
constexpr std::size_t kReceivedFields = 2;
constexpr std::string_view kDate = "Sat, 21 Nov 2026 00:00:00 +0000";
constexpr std::string_view kMessageId = "<i@r.example>";
/// What a submission may get besides.
const std::string kAdditions =
    "Date: " + std::string(kDate) + "\r\nMessage-ID: " + std::string(kMessageId) + "\r\n";

ServerOptions options_for(std::uint8_t choice) {
  return {
      .hostname = *Domain::parse("relay.example"),
      .message_size = kMessageSize,
      .recipients_per_message = 3,
      .received_headers = kReceivedFields,
      .bare_newline = (choice & 1) != 0 ? DataReader::OnBareNewline::normalize
                                        : DataReader::OnBareNewline::reject,
      .relaying =
          (choice & 2) != 0 ? ServerOptions::Relaying::denied : ServerOptions::Relaying::allowed,
      .tls = static_cast<ServerOptions::Tls>((choice >> 2) % 3),
      .requiretls = (choice & 0x80) != 0,
      .auth = static_cast<ServerOptions::Auth>((choice >> 4) % 3),
      .scram = (choice & 0x20) != 0 ? OfferScram::yes : OfferScram::no,
      .kind = (choice & 0x40) != 0 ? ServerOptions::Kind::submission : ServerOptions::Kind::relay};
}

class Driver {
 public:
  explicit Driver(std::uint8_t choice)
      : session_(options_for(choice)),
        tls_(options_for(choice).tls == ServerOptions::Tls::active),
        submission_(options_for(choice).kind == ServerOptions::Kind::submission),
        offers_requiretls_(options_for(choice).requiretls) {
    settle(SessionStarted{});
  }

  void receive(std::string_view bytes, std::uint8_t mood) {
    mood_ = mood;
    if ((mood & 0xF0) == 0xF0) settle(ServerStopping{});
    if (!over_) settle(ServerBytesReceived{bytes});
  }
  void time_out() { settle(ServerTimedOut{}); }
  [[nodiscard]] bool over() const { return over_; }

 private:
  void settle(const ServerEvent& event) {
    std::optional<ServerEvent> next = event;
    while (next) {
      const ServerAction action = session_.resume(*next);
      next = std::visit([this](const auto& wanted) { return answer(wanted); }, action);
    }
  }
  [[nodiscard]] bool refuses(unsigned bit) const { return (mood_ >> bit & 1) != 0; }
  static Error why() { return make_error(Errc::store_full, "full"); }

  std::optional<ServerEvent> answer(const ServerRead&) { return std::nullopt; }
  std::optional<ServerEvent> answer(const ServerClose&) {
    over_ = true;
    return std::nullopt;
  }
  std::optional<ServerEvent> answer(const ServerWrite& write) {
    FULMAR_CHECK(write.bytes.ends_with("\r\n"));
    std::string_view rest = write.bytes;
    while (!rest.empty()) {
      const auto end = rest.find("\r\n");
      const std::string_view line = rest.substr(0, end);
      // A challenge may be empty, and longer than other lines. RFC 4954 §4
      const bool is_challenge = line.starts_with("334 ");
      FULMAR_CHECK(line.size() >= (is_challenge ? 4 : 5));
      FULMAR_CHECK(line.size() <= (is_challenge ? kMaxAuthLine - 2 : 510));
      FULMAR_CHECK(line[0] >= '2' && line[0] <= '5');
      FULMAR_CHECK(line.find_first_of("\r\n") == std::string_view::npos);
      rest.remove_prefix(end + 2);
    }
    return ServerBytesWritten{};
  }
  std::optional<ServerEvent> answer(const ServerStartTls&) {
    FULMAR_CHECK(!tls_);
    tls_ = true;
    return ServerTlsEstablished{};
  }
  std::optional<ServerEvent> answer(const CheckCredentials& question) {
    FULMAR_CHECK(tls_ && !question.credentials.user().empty());
    FULMAR_CHECK(!begun_ && session_.tally().user.empty());
    if (refuses(0)) return CredentialsRefused{CredentialsRefused::Why::wrong};
    if (refuses(1)) return CredentialsRefused{CredentialsRefused::Why::try_later};
    return CredentialsAccepted{{.name = question.credentials.user()}};
  }
  /// Challenges as the client likes, three at most, then lets it in.
  std::optional<ServerEvent> answer(const AnswerScram& question) {
    const ScramMessage& message = question.message;
    FULMAR_CHECK(tls_ && !begun_ && session_.tally().user.empty());
    FULMAR_CHECK(message.octets.size() <= ScramMessage::kMaxOctets);
    if (message.place == ScramMessage::Place::first) {
      FULMAR_CHECK(!message.octets.empty());
      challenges_ = 0;
    } else {
      FULMAR_CHECK(challenges_ > 0);
    }
    if (refuses(4) && challenges_++ < 3) return ScramChallenge{message.octets};
    challenges_ = 0;
    if (refuses(0)) return CredentialsRefused{CredentialsRefused::Why::wrong};
    if (refuses(1)) return CredentialsRefused{CredentialsRefused::Why::try_later};
    if (refuses(2)) return CredentialsRefused{CredentialsRefused::Why::malformed};
    if (refuses(3)) return CredentialsRefused{CredentialsRefused::Why::denied};
    return CredentialsAccepted{{.name = "scram"}};
  }
  std::optional<ServerEvent> answer(const MayAccept&) {
    if (refuses(0)) return EnvelopeRefused{why()};
    return EnvelopeAccepted{};
  }
  std::optional<ServerEvent> answer(const BeginMessage& begin) {
    FULMAR_CHECK(!begin.envelope.recipients.empty() && begin.envelope.recipients.size() <= 3);
    FULMAR_CHECK(!begun_ && session_.in_message());
    FULMAR_CHECK(!begin.envelope.requiretls || (tls_ && offers_requiretls_));
    if (refuses(1)) return StoreRefused{why()};
    begun_ = true;
    body_.clear();
    return MessageBegun{.date = std::string(kDate), .message_id = std::string(kMessageId)};
  }
  std::optional<ServerEvent> answer(const StoreData& data) {
    FULMAR_CHECK(begun_ && !data.bytes.empty());
    body_ += data.bytes;
    FULMAR_CHECK(body_.size() <= kMessageSize + (submission_ ? kAdditions.size() : 0));
    if (!refuses(2)) return DataStored{};
    begun_ = false;
    return StoreRefused{why()};
  }
  std::optional<ServerEvent> answer(const AbandonMessage&) {
    FULMAR_CHECK(begun_ && !session_.in_message());
    begun_ = false;
    return DataStored{};
  }
  std::optional<ServerEvent> answer(const CommitMessage& commit) {
    FULMAR_CHECK(begun_ && (submission_ || commit.facts.size == body_.size()));
    FULMAR_CHECK(submission_ != commit.originators.empty());
    begun_ = false;
    FULMAR_CHECK(body_.find('\0') == std::string::npos);
    HeaderScan scan;
    scan.scan(body_);
    FULMAR_CHECK(scan.says_tls_required_no() == commit.facts.tls_required_no);
    FULMAR_CHECK(scan.received_fields() <= kReceivedFields);
    for (std::size_t i = 0; i < body_.size(); ++i) {
      if (body_[i] == '\n') FULMAR_CHECK(i > 0 && body_[i - 1] == '\r');
      if (body_[i] == '\r') FULMAR_CHECK(i + 1 < body_.size() && body_[i + 1] == '\n');
    }
    if (refuses(3)) return StoreRefused{why()};
    return MessageSafe{"ID"};
  }

  ServerSession session_;
  bool tls_ = false;
  bool submission_ = false;
  bool offers_requiretls_ = false;
  std::string body_;
  std::uint8_t mood_ = 0;
  int challenges_ = 0;  ///< Of this exchange by SCRAM.
  bool begun_ = false;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  Driver driver(static_cast<std::uint8_t>(input.front()));
  input.remove_prefix(1);
  std::uint8_t mood = 0;
  while (!driver.over() && !input.empty()) {
    const auto cut = input.find('\xFF');
    driver.receive(input.substr(0, cut), mood);
    if (cut == std::string_view::npos || cut + 1 == input.size()) break;
    mood = static_cast<std::uint8_t>(input[cut + 1]);
    input.remove_prefix(cut + 2);
  }
  if (!driver.over()) driver.time_out();
  FULMAR_CHECK(driver.over());
  return 0;
}
