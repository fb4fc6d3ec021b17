#!/usr/bin/env python3
"""Parses every golden notice with an independent parser and checks its structure (pitfall 108).

Usage: parse_notice.py DIRECTORY   (the one with notice-KIND[-CLASS].LANGUAGE.eml)
"""

import email
import email.header
import email.policy
import email.utils
import html.parser
import pathlib
import re
import sys

CLASSES = {"failed": "5", "delayed": "4", "relayed": "2"}
HEADERS_TYPES = {"text/rfc822-headers", "message/rfc822", "message/global-headers"}
STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}
JARGON = re.compile(r"TLSA|\bMX\b|DNS|DANE|STARTTLS|MTA-STS|SMTP|\bTLS\b|\b[245]\d\d\b|\d\.\d+\.\d")
# Words that stand in every notice of a language, in its first line.
FIRST_LINE = {"en": "Your message to ", "de": "Ihre Nachricht an "}
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "section", "p", "strong", "hr", "pre"}
VOID_TAGS = {"meta", "hr"}


def status_groups(part):
    """The field groups of the delivery status, as a list of messages."""
    if part.get_content_type() == "message/delivery-status":
        return part.get_payload()
    text = part.get_payload()[0].as_string() if part.is_multipart() else part.get_payload()
    return [email.message_from_string(group) for group in re.split(r"\n\s*\n", text.strip())]


class Document(html.parser.HTMLParser):
    """Well-formed, made of known tags only, and with nothing in it that acts or is fetched."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.language = [], [], None
        self.feed(content)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= {"lang", "charset"}, attrs
        if tag == "html":
            self.language = dict(attrs)["lang"]
        if tag not in VOID_TAGS:
            self.open.append(tag)
        if tag in ("title", "h1", "h2", "p", "pre"):
            self.texts.append([tag, ""])

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("title", "h1", "h2", "p", "strong", "pre"):
            self.texts[-1][1] += data

    def all(self, tag):
        return [text for name, text in self.texts if name == tag]


def check_header(message):
    assert not message.defects, message.defects
    for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
                 "Content-Language"):
        assert len(message.get_all(name, [])) == 1, f"{name} must stand there once"
    assert message["Auto-Submitted"] == "auto-replied"
    assert email.utils.parsedate_to_datetime(message["Date"]).utcoffset() is not None
    assert re.fullmatch(r"<[^<>@ ]+@[^<>@ ]+>", message["Message-ID"].strip())
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"


def decoded(part, content_type):
    assert part.get_content_type() == content_type
    assert part["Content-Transfer-Encoding"] in ("7bit", "quoted-printable")
    return part.get_payload(decode=True).decode(part.get_content_charset()).replace("\r\n", "\n")


def check_plain(text, recipients, language):
    """Returns what stands above the line, and what below."""
    above, line, below = text.partition("\n" + "-" * 72 + "\n")
    assert line, "the technical part stands under a line"
    first_five = above.splitlines()[:5]
    assert all(line.strip() for line in first_five)
    assert FIRST_LINE[language] in first_five[0], first_five[0]
    assert any(recipient in first_five[0] for recipient in recipients), first_five[0]
    for block in above.strip().split("\n\n"):
        assert len(block.splitlines()) in (1, 5), block
        assert not JARGON.search(block), block
        assert not re.search(r"[{}]", block), block
    return above, below


def check_words(part, subject, recipients, language):
    """Both forms are for a person, and say the same."""
    assert part.get_content_type() == "multipart/alternative"
    plain, page = part.get_payload()
    above, below = check_plain(decoded(plain, "text/plain"), recipients, language)
    document = Document(decoded(page, "text/html"))
    assert document.language == language
    assert document.all("p") == [line for line in above.splitlines() if line]
    assert document.all("title") == document.all("h1") == [subject]
    heading, _, technical = below.partition("\n\n")
    assert document.all("h2") == [heading]
    assert document.all("pre") == ["\n" + technical], "the line end after <pre> is not shown"


def decode_address(field):
    kind, _, address = field.partition(";")
    assert kind.strip() in ("rfc822", "utf-8"), field
    assert field.isascii(), field
    return re.sub(r"\\x\{([0-9A-F]+)\}", lambda match: chr(int(match[1], 16)), address.strip())


def check_status(part):
    """Returns the recipients."""
    groups = status_groups(part)
    assert len(groups) >= 2
    assert groups[0]["Reporting-MTA"].startswith("dns;")
    assert email.utils.parsedate_to_datetime(groups[0]["Arrival-Date"])
    for group in groups[1:]:
        action = group["Action"]
        assert action in CLASSES, action
        assert re.fullmatch(CLASSES[action] + r"\.\d{1,3}\.\d{1,3}", group["Status"])
        if group["Original-Recipient"] is not None:
            assert group.keys()[0] == "Original-Recipient"
            assert decode_address(group["Original-Recipient"])
        if group["Last-Attempt-Date"]:  # not where nobody tried
            assert email.utils.parsedate_to_datetime(group["Last-Attempt-Date"])
        assert (group["Will-Retry-Until"] is not None) == (action == "delayed")
        kind = group["Diagnostic-Code"].partition(";")[0]
        assert (kind == "smtp") == (group["Remote-MTA"] is not None), "smtp needs a remote server, and it alone"
        assert kind in ("smtp", "x-fulmar")
        assert action != "relayed" or kind == "smtp", "somebody took it over"
    return [decode_address(group["Final-Recipient"]) for group in groups[1:]]


def check(path):
    content = path.read_bytes()
    assert max(len(line) for line in content.split(b"\n")) <= 998
    # The notice itself is checked as it travels: with CRLF line ends.
    message = email.message_from_bytes(content.replace(b"\n", b"\r\n"), policy=email.policy.compat32)
    check_header(message)
    parts = message.get_payload()
    assert len(parts) == 3, [part.get_content_type() for part in parts]
    assert parts[1].get_content_type() in STATUS_TYPES
    recipients = check_status(parts[1])
    language = path.stem.rpartition(".")[2]
    assert message["Content-Language"] == language
    subject = str(email.header.make_header(email.header.decode_header(message["Subject"])))
    check_words(parts[0], subject.replace("\r\n", ""), recipients, language)
    assert parts[2].get_content_type() in HEADERS_TYPES


def check_mail(path, auto_submitted):
    """One mail about many things: no report, but both forms of the text."""
    message = email.message_from_bytes(path.read_bytes().replace(b"\n", b"\r\n"), policy=email.policy.compat32)
    assert not message.defects, message.defects
    assert message.get_content_type() == "multipart/alternative"
    assert message["Auto-Submitted"] == auto_submitted
    plain, rich = message.get_payload()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    text, document = (part.get_payload(decode=True).decode() for part in (plain, rich))
    for line in filter(None, text.splitlines()):
        assert line.strip().removeprefix("- ") in html.unescape(document), line
    assert not JARGON.search("\n".join(line for line in text.splitlines() if not line.startswith("  - "))), text


def main():
    folder = pathlib.Path(sys.argv[1])
    notices = sorted(folder.glob("notice-*.eml"))
    summaries = sorted(folder.glob("summary*.eml"))
    digests = sorted(folder.glob("digest*.eml"))
    if not notices or not summaries or not digests:
        sys.exit("no golden notices found")
    looks = ([(path, check) for path in notices] +
             [(path, lambda mail: check_mail(mail, "auto-replied")) for path in summaries] +
             [(path, lambda mail: check_mail(mail, "auto-generated")) for path in digests])
    for path, look in looks:
        try:
            look(path)
        except AssertionError as error:
            sys.exit(f"{path}: {error!r}")
    print(f"{len(notices)} notices, {len(summaries)} summaries and {len(digests)} digests parsed")


if __name__ == "__main__":
    main()
