#include "tests/mta/notice/sample_facts.h"

#include <sstream>

#include "mta/notice/samples.h"
#include "mta/notice/texts.h"

namespace fulmar::notice {
Mailbox mailbox(const std::string& text) {
  return Mailbox::parse(text).value();
}
Domain domain(const std::string& text) {
  return Domain::parse(text).value();
}

NoticeRecipient recipient(NoticeKind kind, Errc code) {
  return sample_facts(kind, code).recipients.front();
}

NoticeFacts sample_facts(NoticeKind kind, Errc code) {
  const bool unknown = code == Errc::remote_permanent;
  const SampleClass* what = find_sample_class(unknown ? "no-such-address" : to_string(code));
  return sample_facts(kind, *what);
}

std::string compose(const NoticeFacts& facts, std::string_view language) {
  return compose_notice(facts, Texts::built_in()->language(language));
}

std::vector<Errc> classes_that_reach_a_sender() {
  std::vector<Errc> codes;
  for (const SampleClass& each : sample_classes()) {
    if (codes.empty() || codes.back() != each.failure.code) codes.push_back(each.failure.code);
  }
  return codes;
}

std::string header_of_notice(const std::string& notice) {
  return notice.substr(0, notice.find("\r\n\r\n") + 2);
}

std::string part_of(const std::string& notice, const std::string& type) {
  const std::size_t start = notice.find("\r\nContent-Type: " + type);
  if (start == std::string::npos) return {};
  return notice.substr(start + 2, notice.find("\r\n--=_", start) - start - 2);
}

std::string decoded(const std::string& part) {
  const std::size_t body = part.find("\r\n\r\n") + 4;
  const std::string content = part.substr(body) + "\r\n";
  if (part.substr(0, body).find("quoted-printable") == std::string::npos) return content;
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (content[i] != '=') {
      text += content[i];
    } else if (content.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else {
      text += static_cast<char>(std::stoi(content.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return text;
}

std::vector<std::string> first_lines(const std::string& notice, std::size_t count) {
  std::istringstream content(decoded(part_of(notice, "text/plain")));
  std::vector<std::string> lines;
  for (std::string line; lines.size() < count && std::getline(content, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

}  // namespace fulmar::notice
