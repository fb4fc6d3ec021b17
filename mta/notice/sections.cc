#include "mta/notice/sections.h"

#include "mta/notice/html.h"

namespace fulmar::notice {
namespace {

std::string plain_form(const SectionedText& text) {
  std::string plain;
  for (const std::string& line : text.opening)
    plain += line + "\n";
  for (const Section& section : text.sections) {
    if (!section.heading.empty()) plain += "\n" + section.heading + "\n";
    for (const Group& group : section.groups) {
      plain += "\n" + group.sentence + "\n";
      for (const std::string& item : group.items)
        plain += "  - " + item + "\n";
    }
  }
  if (!text.closing.empty()) plain += "\n";
  for (const std::string& line : text.closing)
    plain += line + "\n";
  return plain;
}

std::string paragraphs(const std::vector<std::string>& lines) {
  std::string body;
  for (const std::string& line : lines)
    body += "<p>" + html_escaped(line) + "</p>\n";
  return body;
}

std::string html_form(const SectionedText& text, std::string_view language) {
  std::string body = paragraphs(text.opening);
  for (const Section& section : text.sections) {
    body += "<section>\n";
    if (!section.heading.empty()) body += "<h2>" + html_escaped(section.heading) + "</h2>\n";
    for (const Group& group : section.groups) {
      body += "<p>" + html_escaped(group.sentence) + "</p>\n<ul>\n";
      for (const std::string& item : group.items)
        body += "<li>" + html_escaped(item) + "</li>\n";
      body += "</ul>\n";
    }
    body += "</section>\n";
  }
  return html_document(language, text.title, body + paragraphs(text.closing));
}

}  // namespace

Part both_forms(const SectionedText& text, std::string_view language, std::string_view seed) {
  return both_forms(plain_form(text), html_form(text, language), seed);
}

}  // namespace fulmar::notice
