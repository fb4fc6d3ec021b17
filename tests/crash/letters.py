"""Letters: what clients send, how a mail host must treat each recipient, and how to know the content again.

The envelope says it all, so mail hosts need no list: the sender is m<number>, a recipient <kind>-<number>-<index>.
"""

from __future__ import annotations

import enum
import hashlib
import random
import re
from typing import Optional

from ledger import Letter, Notice

SENDER_DOMAIN = "sender.test"
DOMAINS = ("left.test", "right.test")
MARK = b"X-Crash-Number: "       # our first header field; what stands before it is the relay's
FINAL_DOT = b"\r\n.\r\n"
SENDER = re.compile(r"m(\d+)@" + re.escape(SENDER_DOMAIN))
NOTICE_ID = re.compile(rb"^Message-ID: <(\w+)@", re.MULTILINE)
BOUNDARY = re.compile(rb'boundary="?([^";\r\n]+)')
FAILED = re.compile(rb"^Final-Recipient: rfc822; (\S+)\r\nAction: failed\r$", re.MULTILINE)

KB = 1000
SIZES = {1 * KB: 85, 70 * KB: 12, 1000 * KB: 3}    # with weights; a chunk of the spool has 64 KB


class Kind(enum.Enum):
    """What a recipient's mail host says; also the first word of the recipient's address."""

    TAKEN = "ok"
    REFUSED = "no"               # 5yz at RCPT
    LATER = "later"              # 4yz at RCPT, once
    LATER_AT_DOT = "dot"         # 4yz after the final dot, once


KIND_WEIGHTS = {Kind.TAKEN: 80, Kind.REFUSED: 8, Kind.LATER: 8, Kind.LATER_AT_DOT: 4}


def kind_of(recipient: str) -> Kind:
    return Kind(recipient.partition("-")[0])


def sender_of(number: int) -> str:
    return f"m{number}@{SENDER_DOMAIN}"


def number_of(sender: str) -> Optional[int]:
    match = SENDER.fullmatch(sender)
    return int(match[1]) if match else None


class LetterMaker:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._number = 0

    def next(self) -> tuple[Letter, bytes]:
        """A letter, and its content as it goes over the wire, with the final dot."""
        self._number += 1
        recipients = tuple(self._recipient(index) for index in range(self._chance.randint(1, 4)))
        content = MARK + b"%d\r\nSubject: a letter\r\n\r\n" % self._number + self._body()
        refused = frozenset(one for one in recipients if kind_of(one) is Kind.REFUSED)
        wire = content.removesuffix(b"\r\n").replace(b"\r\n.", b"\r\n..") + FINAL_DOT
        return Letter(self._number, recipients, refused, digest_of(content)), wire

    def _recipient(self, index: int) -> str:
        kind = self._chance.choices(list(KIND_WEIGHTS), list(KIND_WEIGHTS.values()))[0]
        return f"{kind.value}-{self._number}-{index}@{self._chance.choice(DOMAINS)}"

    def _body(self) -> bytes:
        size = self._chance.choices(list(SIZES), list(SIZES.values()))[0]
        text = self._chance.randbytes(size // 2).hex().encode()
        # A dot in front of some lines, for whoever stuffs and unstuffs them.
        return b"".join((b"." if at % 10 == 0 else b"") + text[at:at + 75] + b"\r\n"
                        for at in range(0, len(text), 75))


def unstuffed(wire: bytes) -> bytes:
    """The content of what was read up to and with the final dot."""
    return wire.removesuffix(FINAL_DOT).replace(b"\r\n..", b"\r\n.") + b"\r\n"


def digest_of(content: bytes) -> str:
    """Of all that the client wrote, header and body."""
    start = content.find(MARK)
    return hashlib.sha256(content[max(start, 0):]).hexdigest()


def read_notice(number: int, content: bytes) -> tuple[Notice, bool]:
    """What the notice says, and whether it is whole."""
    head = content.partition(b"\r\n\r\n")[0]
    id_match, boundary = NOTICE_ID.search(head), BOUNDARY.search(head)
    names = tuple(name.decode() for name in FAILED.findall(content))
    whole = id_match is not None and boundary is not None and \
        content.rstrip().endswith(b"--" + boundary[1] + b"--")
    return Notice(id_match[1].decode() if id_match else "without-id", number, names), whole
