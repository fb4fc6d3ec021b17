// `fulmar notice`: what senders and the postmaster would read, made of samples. Pure, and without a
// daemon.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "base/result.h"
#include "conf/config.h"
#include "mta/notice/notice.h"
#include "mta/notice/texts.h"

namespace fulmar::control {

struct PreviewRequest {
  std::string what;  ///< A class of notice::sample_classes(), "summary" (one mail in the place of
                     ///< many notices) or "digest" (for the postmaster). May be empty for good
                     ///< news.
  std::string kind;  ///< Of notice::to_string(NoticeKind); empty: failed.
  std::string language;  ///< Empty: the configured one.
};

/// The sample's notice, in the forms that there are of it.
struct Preview {
  std::string language;  ///< The one it is in.
  std::string subject;
  std::string text;     ///< Plain, lines end in LF.
  std::string html;     ///< The same.
  std::string message;  ///< As it would go out.
};

/// Fails with invalid_argument when there is no such class, kind or language, when that class never
/// waits and `delayed` is wanted, or when a kind of summary or digest is.
[[nodiscard]] Result<Preview> preview_notice(const PreviewRequest& request,
                                             const conf::Config& config,
                                             const notice::Texts& texts);

/// What there is to preview: {"classes": [{"name", "can_wait"}], "kinds": […], "other_mail":
/// ["summary", "digest"], "languages": [{"tag", "borrowed"}]}, where "borrowed" counts the texts
/// that are those of another language.
[[nodiscard]] boost::json::value list_notices(const notice::Texts& texts);

}  // namespace fulmar::control
