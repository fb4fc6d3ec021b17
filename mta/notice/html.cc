#include "mta/notice/html.h"

#include <fmt/format.h>

namespace fulmar::notice {
namespace {

constexpr std::string_view kStyle =
    "body{font-family:sans-serif;line-height:1.5;max-width:45em}h1{font-size:1.3em}"
    "h2{font-size:1.1em}p{margin:.4em 0}section{margin:1.2em 0}pre{white-space:pre-wrap}";

}  // namespace

std::string html_escaped(std::string_view text) {
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

std::string html_paragraph(std::string_view text) {
  return "<p>" + html_escaped(text) + "</p>\n";
}

std::string html_document(std::string_view language, std::string_view title,
                          std::string_view body) {
  const std::string name = html_escaped(title);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"{}\">\n"
      "<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n<style>{}</style>\n</head>\n"
      "<body>\n<h1>{}</h1>\n{}</body>\n</html>\n",
      html_escaped(language), name, kStyle, name, body);
}

}  // namespace fulmar::notice
