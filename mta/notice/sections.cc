#include "mta/notice/sections.h"

#include "mta/notice/html.h"
#include "mta/notice/mime.h"

namespace fulmar::notice {
namespace {

std::string in_paragraphs(const std::vector<std::string>& lines) {
  std::string body;
  for (const std::string& line : lines)
    body += html_paragraph(line);
  return body;
}

}  // namespace

std::string plain_text(const SectionedText& text) {
  std::string plain;
  for (const std::string& line : text.opening)
    plain += line + "\n";
  for (const auto& section : text.sections) {
    plain += "\n" + section.heading + "\n";
    for (const auto& group : section.groups) {
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

std::string html_text(const SectionedText& text, std::string_view language) {
  std::string body = in_paragraphs(text.opening);
  for (const auto& section : text.sections) {
    body += "<section>\n<h2>" + html_escaped(section.heading) + "</h2>\n";
    for (const auto& group : section.groups) {
      body += html_paragraph(group.sentence) + "<ul>\n";
      for (const std::string& item : group.items)
        body += "<li>" + html_escaped(item) + "</li>\n";
      body += "</ul>\n";
    }
    body += "</section>\n";
  }
  return html_document(language, text.title, body + in_paragraphs(text.closing));
}

std::string compose_mail(const SectionedText& text, Letterhead head) {
  head.subject = text.title;
  const Part part = both_forms(plain_text(text), html_text(text, head.language), head.id.str());
  return header_fields(head) + header_field("Content-Type", part.type) + "\r\n" + part.content;
}

}  // namespace fulmar::notice
