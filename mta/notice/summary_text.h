// What a person reads of a summary. Pure.
#pragma once

#include "mta/notice/sections.h"
#include "mta/notice/summary.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {

/// The gravest kind first. REQUIRES: there are entries.
[[nodiscard]] SectionedText summary_text(const SummaryFacts& facts, const LanguageTexts& texts);

}  // namespace fulmar::notice
