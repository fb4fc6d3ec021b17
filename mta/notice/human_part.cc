#include "mta/notice/human_part.h"

#include <fmt/format.h>

#include <array>

namespace fulmar::notice {
namespace {

constexpr std::size_t kRule = 72;  // dashes above the technical part

// As plain as can be: colours and sizes stay those of the reader's program.
constexpr std::string_view kStyle =
    "body{font-family:sans-serif;line-height:1.5;max-width:45em}h1{font-size:1.3em}"
    "h2{font-size:1.1em}p{margin:.4em 0}section{margin:1.2em 0}pre{white-space:pre-wrap}";

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string paragraph(std::string_view text) {
  return "<p>" + escaped(text) + "</p>\n";
}

std::string html_block(const Block& block) {
  std::string html = "<section>\n<p><strong>" + escaped(block.front()) + "</strong></p>\n";
  for (std::size_t i = 1; i < block.size(); ++i)
    html += paragraph(block[i]);
  return html + "</section>\n";
}

std::string html_head(std::string_view title) {
  return fmt::format(
      "<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>{}</style>\n</head>\n",
      escaped(title), kStyle);
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

std::string html_document(const HumanText& text, std::string_view language) {
  std::string html = fmt::format("<!DOCTYPE html>\n<html lang=\"{}\">\n{}<body>\n<h1>{}</h1>\n",
                                 escaped(language), html_head(text.title), escaped(text.title));
  for (const Block& block : text.blocks)
    html += html_block(block);
  if (!text.more_recipients.empty()) html += paragraph(text.more_recipients);
  html +=
      paragraph(text.which_message) + "<hr>\n<h2>" + escaped(text.technical_heading) + "</h2>\n";
  // Experts' words, whatever the language of the rest.
  return html + "<pre lang=\"en\">\n" + escaped(text.technical) + "</pre>\n</body>\n</html>\n";
}

Part human_part(const HumanText& text, std::string_view language, std::string_view seed) {
  // The fullest form last: RFC 2046 §5.1.4.
  const std::array parts = {
      Part{"text/plain; charset=utf-8", with_crlf(plain_text(text))},
      Part{"text/html; charset=utf-8", with_crlf(html_document(text, language))}};
  Multipart multipart = join_parts(parts, fmt::format("text_{}", seed));
  return {"multipart/alternative; boundary=\"" + multipart.boundary + '"',
          std::move(multipart.body)};
}

}  // namespace fulmar::notice
