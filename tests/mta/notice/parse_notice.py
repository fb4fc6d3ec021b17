#!/usr/bin/env python3
"""Parses every golden notice with an independent parser and checks its structure (pitfall 108).

Usage: parse_notice.py DIRECTORY   (the one with notice-*.eml)
"""

import email
import email.policy
import email.utils
import pathlib
import re
import sys

CLASSES = {"failed": "5", "delayed": "4", "relayed": "2"}
HEADERS_TYPES = {"text/rfc822-headers", "message/rfc822", "message/global-headers"}
STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}
JARGON = re.compile(r"TLSA|\bMX\b|DNSSEC|STARTTLS|MTA-STS|\d\.\d+\.\d")


def status_groups(part):
    """The field groups of the delivery status, as a list of messages."""
    if part.get_content_type() == "message/delivery-status":
        return part.get_payload()
    text = part.get_payload()[0].as_string() if part.is_multipart() else part.get_payload()
    return [email.message_from_string(group) for group in re.split(r"\n\s*\n", text.strip())]


def check_header(message):
    assert not message.defects, message.defects
    for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"):
        assert len(message.get_all(name, [])) == 1, f"{name} must stand there once"
    assert message["Auto-Submitted"] == "auto-replied"
    assert email.utils.parsedate_to_datetime(message["Date"]).utcoffset() is not None
    assert re.fullmatch(r"<[^<>@ ]+@[^<>@ ]+>", message["Message-ID"].strip())
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"


def check_text(part, recipients):
    assert part.get_content_type() == "text/plain"
    text = part.get_payload(decode=True).decode(part.get_content_charset())
    lines = text.splitlines()
    first_five = lines[:5]
    assert all(line.strip() for line in first_five)
    assert any(recipient in first_five[0] for recipient in recipients), first_five[0]
    assert not JARGON.search("\n".join(first_five)), first_five
    assert any(re.fullmatch(r"-{20,}", line) for line in lines), "the technical part stands under a line"


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
    check_text(parts[0], recipients)
    assert parts[2].get_content_type() in HEADERS_TYPES


def main():
    paths = sorted(pathlib.Path(sys.argv[1]).glob("notice-*.eml"))
    if not paths:
        sys.exit("no golden notices found")
    for path in paths:
        try:
            check(path)
        except AssertionError as error:
            sys.exit(f"{path}: {error!r}")
    print(f"{len(paths)} notices parsed")


if __name__ == "__main__":
    main()
