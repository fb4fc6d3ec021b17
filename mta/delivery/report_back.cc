#include "mta/delivery/report_back.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/log.h"
#include "mta/notice/digest.h"
#include "mta/notice/language.h"
#include "mta/notice/summary.h"

namespace fulmar::delivery {

namespace asio = boost::asio;
using notice::NoticeKind;

namespace {

/// Stated, and nothing wanted. RFC 3461 §6.1: what a notice may say, or else nothing.
constexpr DsnNotify kNever{.stated = true};

std::string header_section(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  return std::string(text.substr(0, end == std::string_view::npos ? text.size() : end + 2));
}

/// RFC 3461 §4.3: the sender's word, or else our operator's.
bool returns_content(const queue::Message& original, conf::ReturnContent otherwise) {
  if (original.requiretls) return false;  // RFC 8689 §5: as if RET=HDRS had been asked for
  if (original.ret == DsnReturn::unstated) return otherwise == conf::ReturnContent::full;
  return original.ret == DsnReturn::full;
}

}  // namespace

ReportBack::ReportBack(queue::Store& store, Clock& clock, Random& random,
                       ReportBackSettings settings, notice::Texts::Pointer texts)
    : store_(store),
      clock_(clock),
      random_(random),
      settings_(std::move(settings)),
      texts_(std::move(texts)) {}

void ReportBack::use(notice::Texts::Pointer texts) {
  texts_.store(std::move(texts));
}

asio::awaitable<std::string> ReportBack::read_content(const OwedNotice& owed) {
  const queue::Message& original = owed.message;
  std::string content;
  const bool failed =
      std::ranges::find(owed.words, NoticeKind::failed, &OwedWord::kind) != owed.words.end();
  if (!failed || !returns_content(original, settings_.notify.return_content)) co_return content;
  for (std::uint32_t index = 0; index < original.chunks && content.size() < notice::kMaxReturned;
       ++index) {
    const auto chunk = co_await store_.read_chunk(original.id, index);
    if (!chunk) {
      // The header fields are still at hand; a notice without the content is better than none.
      log_warn("content for a notice cannot be read",
               {{"id", original.id.str()}, {"reason", chunk.error().detail}});
      co_return std::string();
    }
    content += *chunk;
  }
  if (content.size() > notice::kMaxReturned) content.resize(notice::kMaxReturned);
  co_return content;
}

SpooledNotice ReportBack::make(const std::vector<OwedNotice>& owed) {
  const UtcTime now = clock_.utc_now();
  notice::NoticeFacts facts{.id = MessageId::make(now, random_),
                            .reporting_mta = settings_.hostname,
                            .postmaster = settings_.postmaster,
                            .original = owed.at(0).message,
                            .now = now};
  for (const OwedNotice& one : owed)
    add_facts(one, facts);
  const auto texts = texts_.load();
  const queue::Message& original = facts.original;
  return spool(notice::compose_notice(facts, words_for(*texts, original)),
               std::string(notice::to_string(notice::gravest_kind(facts))),
               {.id = facts.id,
                .to = *original.sender,
                .about = original.id,
                .requiretls = original.requiretls,  // RFC 8689 §5
                .tls_optional = original.tls_optional},
               now);
}

SpooledNotice ReportBack::summarize(const std::vector<OwedNotice>& owed) {
  const UtcTime now = clock_.utc_now();
  const queue::Message& first = owed.at(0).message;
  notice::SummaryFacts facts{.id = MessageId::make(now, random_),
                             .reporting_mta = settings_.hostname,
                             .postmaster = settings_.postmaster,
                             .sender = *first.sender,
                             .now = now};
  for (const OwedNotice& one : owed)
    add_entries(one, facts);
  const auto texts = texts_.load();
  return spool(notice::compose_summary(facts, words_for(*texts, first)), "summary",
               {.id = facts.id, .to = facts.sender, .about = std::nullopt}, now);
}

SpooledNotice ReportBack::tell_postmaster(const Mailbox& postmaster, TroubleList troubles) {
  const UtcTime now = clock_.utc_now();
  notice::DigestFacts facts{.id = MessageId::make(now, random_),
                            .reporting_mta = settings_.hostname,
                            .postmaster = postmaster,
                            .now = now,
                            .troubles = std::move(troubles)};
  const auto texts = texts_.load();
  return spool(notice::compose_digest(facts, texts->language(settings_.notify.language)), "digest",
               {.id = facts.id, .to = postmaster, .about = std::nullopt}, now);
}

const notice::LanguageTexts& ReportBack::words_for(const notice::Texts& texts,
                                                   const queue::Message& original) const {
  return texts.language(
      notice::choose_language(original.header, settings_.notify.language, texts.tags()));
}

SpooledNotice ReportBack::spool(std::string text, std::string kind, Envelope envelope,
                                UtcTime now) const {
  const MessageId id = envelope.id;
  SpooledNotice notice{.kind = std::move(kind)};
  notice.message = {.id = id,
                    .sender = std::nullopt,
                    .arrived = now,
                    .size = text.size(),
                    .chunks = static_cast<std::uint32_t>((text.size() + queue::kChunkSize - 1) /
                                                         queue::kChunkSize),
                    .eight_bit = !is_ascii(text),
                    .requiretls = envelope.requiretls,
                    .tls_optional = envelope.tls_optional,
                    .smtputf8 = !is_ascii(text),  // in the header: the body is 7-bit
                    .about = envelope.about,
                    .helo = settings_.hostname.str(),
                    .header = header_section(text)};
  notice.delivery = {.message = id,
                     .destination = envelope.to.host,
                     .recipients = {{.address = envelope.to, .notify = kNever}},
                     .arrived = now,
                     .next_attempt = now};
  for (std::uint32_t index = 0; index < notice.message.chunks; ++index) {
    notice.operations.emplace_back(
        queue::PutChunk{.message = id,
                        .index = index,
                        .bytes = text.substr(index * queue::kChunkSize, queue::kChunkSize)});
  }
  notice.operations.emplace_back(queue::PutMessage{notice.message});
  notice.operations.emplace_back(queue::PutDelivery{notice.delivery});
  return notice;
}

}  // namespace fulmar::delivery
