"""What a scenario needs to exist: zones, mail hosts, MTA-STS policies, each with its defects. Data only.

A Site is one zone below `test.` with its hosts. Names without a final dot are relative to the zone; "@" is the zone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Mapping, Optional

from ca import GOOD, Cert

HANG_UP = "(hang up)"  # as a reply: close the connection without a word
STALL = "(stall)"      # as a reply: say nothing until the client leaves
BREAK_OFF = "(break off)"  # as a reply to DATA: take the beginning of the message, then close
CHUNKING = ("PIPELINING", "8BITMIME", "SIZE 20000000", "ENHANCEDSTATUSCODES", "CHUNKING")


class StartTls(enum.Enum):
    OFFERED = "offered"
    ABSENT = "absent"
    REFUSED_454 = "454 4.7.0 TLS not available at the moment"
    REFUSED_502 = "502 5.5.1 Command not implemented"
    GARBAGE = "220, then bytes that are not TLS"
    CLOSE = "220, then the connection ends in the handshake"
    HANG_UP = "the connection ends without a reply"
    INJECTED = "220 with plaintext behind it in the same segment"
    OLD_VERSION = "TLS 1.1 at most"
    FEW_GROUPS = "the connection ends without a word when the ClientHello offers more than three groups"


@dataclass(frozen=True)
class Replies:
    """`first` are used up one by one, then `then` for ever; None: the usual success."""

    first: tuple[str, ...] = ()
    then: Optional[str] = None


def once(*replies: str) -> Replies:
    return Replies(first=replies)


def always(reply: str) -> Replies:
    return Replies(then=reply)


@dataclass(frozen=True)
class Login:
    """Who may log in, and how. `reply`: said in the place of a verdict."""

    user: str
    password: str
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    reply: Optional[str] = None


@dataclass(frozen=True)
class Smtp:
    """How an SMTP host behaves. Transactions count, not connections: a probe without MAIL uses nothing up."""

    greeting: Replies = Replies()
    starttls: StartTls = StartTls.OFFERED
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 20000000", "ENHANCEDSTATUSCODES")
    mail: Replies = Replies()
    rcpt: Replies = Replies()
    rcpt_for: Mapping[str, Replies] = field(default_factory=dict)  # keyed by a part of the local part
    data: Replies = Replies()
    final: Replies = Replies()           # to the final dot, or the last chunk
    chunk: Replies = Replies()           # to the chunks before the last one
    chunk_for_nobody: str = "503 5.5.1 No valid recipients"
    knows_bdat: bool = True              # False: each line of a chunk is a command to it
    holds_back: bool = False             # replies from MAIL on come with the one to the last chunk, RFC 2920 §3.2
    recipients: int = 1000               # of one transaction; more get 452
    clear_extensions: tuple[str, ...] = ()  # listed in clear only, where some must not count
    requiretls: bool = False             # REQUIRETLS in the EHLO under TLS
    login: Optional[Login] = None        # AUTH under TLS, and no MAIL without it
    port: int = 25
    implicit_tls: bool = False           # TLS from the first octet
    messages: int = 1                    # over one connection; then it hangs up
    at_once: int = 1000                  # connections; more are turned away in the greeting


@dataclass(frozen=True)
class Host:
    name: str = "mx"
    preference: Optional[int] = 10       # None: no MX record points here
    cert: Cert = GOOD
    tlsa: tuple[str, ...] = ()           # "3 1 1", with "wrong" or "short" behind it for a defect
    smtp: Smtp = Smtp()
    listening: bool = True               # False: the address exists, nothing listens
    address: Optional[str] = None        # fixed A address instead of one of ours; "none": no A record
    ipv6_nothing_there: bool = False     # an AAAA record beside A, with nothing listening
    alias: Optional[str] = None          # the host's name is a CNAME to this name, which has address and TLSA
    tlsa_alias: Optional[str] = None     # the TLSA owner name is a CNAME to this name, which holds the records


class Body(enum.Enum):
    WHOLE = "whole"
    DRIP = "one octet a second"
    HUGE = "more than 64 KB"


@dataclass(frozen=True)
class Policy:
    """An MTA-STS policy: the TXT record and the HTTPS host."""

    mode: str = "enforce"
    mx: Optional[tuple[str, ...]] = None       # None: the names of all MX hosts
    max_age: int = 86400
    id: str = "20260101a"
    txt: Optional[tuple[str, ...]] = None      # whole TXT texts instead of the usual one
    text: Optional[str] = None                 # whole body instead of one made from the fields
    status: int = 200
    content_type: str = "text/plain"
    location: Optional[str] = None
    body: Body = Body.WHOLE
    cert: Cert = GOOD
    address: Optional[str] = None              # fixed A address instead of one of ours
    alias: Optional[str] = None                # mta-sts.<zone> is a CNAME to this name, whose address is ours


class Fault(enum.Enum):
    SERVFAIL = "servfail"
    REFUSED = "refused"
    SILENCE = "silence"


@dataclass(frozen=True)
class Site:
    zone: str
    signed: bool = True
    hosts: tuple[Host, ...] = (Host(),)
    mx: Optional[tuple[tuple[int, str], ...]] = None    # instead of one record per host; () for none
    policy: Optional[Policy] = None
    records: tuple[str, ...] = ()                       # further lines of the zone file
    expired: tuple[tuple[str, str], ...] = ()           # (name, type) whose signatures have expired: bogus
    faults: Mapping[tuple[str, str], Fault] = field(default_factory=dict)  # (name, type) answered so by the server
    watched: bool = False                               # record the queries, allow changes while running
    ttl: int = 300

    @property
    def through_proxy(self) -> bool:
        """Is the zone served by the server that can fail on demand?"""
        return bool(self.faults) or self.watched

    def absolute(self, name: str) -> str:
        """`name` seen from this zone, without the final dot."""
        if name == "@":
            return self.zone
        return name[:-1] if name.endswith(".") else f"{name}.{self.zone}"
