#include "mta/notice/human_part.h"

#include "mta/notice/html.h"

namespace fulmar::notice {
namespace {

constexpr std::size_t kRule = 72;  // dashes above the technical part

std::string html_block(const Block& block) {
  std::string html = "<section>\n<p><strong>" + html_escaped(block.front()) + "</strong></p>\n";
  for (std::size_t i = 1; i < block.size(); ++i)
    html += html_paragraph(block[i]);
  return html + "</section>\n";
}

}  // namespace

std::string plain_text(const HumanText& text) {
  std::string plain;
  for (const Block& block : text.blocks) {
    for (const std::string& line : block)
      plain += line + '\n';
    plain += '\n';
  }
  if (!text.more_recipients.empty()) plain += text.more_recipients + "\n\n";
  plain += text.which_message + "\n\n" + std::string(kRule, '-') + '\n';
  return plain + text.technical_heading + "\n\n" + text.technical;
}

std::string html_text(const HumanText& text, std::string_view language) {
  std::string body;
  for (const Block& block : text.blocks)
    body += html_block(block);
  if (!text.more_recipients.empty()) body += html_paragraph(text.more_recipients);
  body += html_paragraph(text.which_message) + "<hr>\n<h2>" + html_escaped(text.technical_heading) +
          "</h2>\n";
  // Experts' words, whatever the language of the rest.
  body += "<pre lang=\"en\">\n" + html_escaped(text.technical) + "</pre>\n";
  return html_document(language, text.title, body);
}

Part human_part(const HumanText& text, std::string_view language, std::string_view seed) {
  return both_forms(plain_text(text), html_text(text, language), seed);
}

}  // namespace fulmar::notice
