#include "mta/control/notice_preview.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/ascii.h"
#include "conf/nearest.h"
#include "mta/notice/digest.h"
#include "mta/notice/human_part.h"
#include "mta/notice/human_text.h"
#include "mta/notice/language.h"
#include "mta/notice/samples.h"
#include "mta/notice/summary.h"
#include "mta/notice/summary_text.h"

namespace fulmar::control {
namespace {

namespace json = boost::json;
using notice::NoticeKind;
using notice::SampleClass;

constexpr std::size_t kMaxShown = 64;
// Other mail than notices.
constexpr std::string_view kSummary = "summary";
constexpr std::string_view kDigest = "digest";

std::unexpected<Error> complain(std::string what) {
  return fail(Errc::invalid_argument, std::move(what));
}

Result<const SampleClass*> find_class(std::string_view name) {
  if (const SampleClass* found = notice::find_sample_class(name)) return found;
  std::vector<std::string_view> names = {kSummary, kDigest};
  for (const SampleClass& each : notice::sample_classes())
    names.push_back(each.name);
  const auto meant = conf::nearest(name, names);
  return complain(
      fmt::format("unknown class \"{}\"; {}", sanitize_line(name, kMaxShown),
                  meant ? fmt::format("did you mean \"{}\"?", *meant) : "see fulmar notice list"));
}

Result<NoticeKind> find_kind(std::string_view name) {
  if (name.empty()) return NoticeKind::failed;
  if (const auto kind = notice::parse_kind(name)) return *kind;
  return complain(fmt::format("unknown kind \"{}\"; there are failed, delayed, cleared and relayed",
                              sanitize_line(name, kMaxShown)));
}

Result<notice::NoticeFacts> sample_for(const PreviewRequest& request) {
  FULMAR_TRY(const NoticeKind kind, find_kind(request.kind));
  if (is_good_news(kind) && request.what.empty())
    return sample_facts(kind, notice::sample_classes().front());
  if (request.what.empty()) return complain("name a class; fulmar notice list shows them");
  FULMAR_TRY(const SampleClass* what, find_class(request.what));
  if (kind == NoticeKind::delayed && !what->can_wait)
    return complain(fmt::format("what is {} fails at once and is never delayed", what->name));
  return sample_facts(kind, *what);
}

/// `text`: what a person reads of `message`.
Preview preview_of(const auto& text, std::string message, const notice::LanguageTexts& words) {
  return {.language = words.tag(),
          .subject = text.title,
          .text = plain_text(text),
          .html = html_text(text, words.tag()),
          .message = std::move(message)};
}

Result<Preview> preview_summary(const PreviewRequest& request, const conf::Config& config,
                                const notice::LanguageTexts& words) {
  if (!request.kind.empty()) return complain("a summary tells of every kind; it takes no --kind");
  notice::SummaryFacts facts = notice::sample_summary();
  facts.reporting_mta = config.hostname;
  facts.postmaster = config.postmaster;
  return preview_of(summary_text(facts, words), compose_summary(facts, words), words);
}

Result<Preview> preview_digest(const PreviewRequest& request, const conf::Config& config,
                               const notice::LanguageTexts& words) {
  if (!request.kind.empty()) return complain("a digest tells the postmaster; it takes no --kind");
  notice::DigestFacts facts = notice::sample_digest();
  facts.reporting_mta = config.hostname;
  FULMAR_TRY(facts.postmaster, Mailbox::parse(config.postmaster));
  return preview_of(digest_text(facts, words), compose_digest(facts, words), words);
}

}  // namespace

Result<Preview> preview_notice(const PreviewRequest& request, const conf::Config& config,
                               const notice::Texts& texts) {
  const std::string& wanted = request.language.empty() ? config.notify.language : request.language;
  FULMAR_TRY(const std::string tag, notice::find_language(wanted, texts.tags()));
  const notice::LanguageTexts& words = texts.language(tag);
  if (request.what == kSummary) return preview_summary(request, config, words);
  if (request.what == kDigest) return preview_digest(request, config, words);
  FULMAR_TRY(notice::NoticeFacts facts, sample_for(request));
  facts.reporting_mta = config.hostname;
  facts.postmaster = config.postmaster;
  return preview_of(human_text(facts, words), compose_notice(facts, words), words);
}

json::value list_notices(const notice::Texts& texts) {
  json::array classes;
  for (const SampleClass& each : notice::sample_classes())
    classes.push_back({{"name", each.name}, {"can_wait", each.can_wait}});
  json::array kinds;
  for (const NoticeKind kind : notice::kNoticeKinds)
    kinds.push_back(json::value(to_string(kind)));
  json::array languages;
  for (const std::string& tag : texts.tags())
    languages.push_back({{"tag", tag}, {"borrowed", texts.language(tag).borrowed()}});
  return json::object{{"classes", std::move(classes)},
                      {"kinds", std::move(kinds)},
                      {"other_mail", json::array{kSummary, kDigest}},
                      {"languages", std::move(languages)}};
}

}  // namespace fulmar::control
