"""Notices as the sender gets them: captured at the sender's mail host, taken apart as RFC 3464 says."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Iterable, Optional

from smtp_host import Received


@dataclass(frozen=True)
class Notice:
    """What one notice says about one recipient."""

    recipient: str
    action: str             # failed, delayed
    status: str
    remote_mta: Optional[str]
    diagnostic: Optional[str]
    text: str               # the first part: for a person
    raw: bytes
    message: EmailMessage


def parse_notices(received: Received) -> list[Notice]:
    """The notices in one captured message; none when it is ordinary mail."""
    message = email.message_from_bytes(received.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if message.get_content_type() != "multipart/report":
        return []
    parts = list(message.iter_parts())
    notices = []
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        for group in list(part.iter_parts())[1:]:
            recipient = str(group.get("Final-Recipient", "")).partition(";")[2].strip()
            notices.append(Notice(recipient, str(group.get("Action", "")).strip().lower(),
                                  str(group.get("Status", "")).strip(), group.get("Remote-MTA"),
                                  group.get("Diagnostic-Code"), _text(parts[0]), received.content, message))
    return notices


def _text(part: object) -> str:
    """The plain form of what a person reads."""
    assert isinstance(part, EmailMessage)
    plain = part.get_body(("plain",))
    assert plain is not None, "no plain text for a person"
    return str(plain.get_content())


def find_notices(received: Iterable[Received], recipient: str, action: str) -> list[Notice]:
    return [notice for message in received if recipient.encode() in message.content
            for notice in parse_notices(message) if notice.recipient == recipient and notice.action == action]
