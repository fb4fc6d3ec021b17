"""A second message hidden in a first one: behind whatever somebody else might take for the end of the data.

Each attempt is a session of its own with a sender of its own. The replies tell how often the program saw an end of
data, the sink what it took for messages. Pitfall 71; RFC 5321 §2.3.8, §4.1.1.4
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Awaitable, Callable, Iterator

from case import Case, check, equal
from client import END_OF_DATA, Client
from trial import Trial, at_once

AT_ONCE = 8
LISTENERS = {"reject": {"bare_newline": "reject"}, "normalize": {"bare_newline": "normalize"}}
BARE, NUL, TAKEN = "550 5.5.2", "550 5.6.0", "250 2.0.0"


class Kind(enum.Enum):
    """What the octets are that stand between the first message and the smuggled one."""

    BARE = "a CR or LF alone"
    NUL = "has a NUL"
    BARE_AND_NUL = "both"
    CLEAN = "lines like any others"


VARIANTS: dict[bytes, Kind] = {
    b"\n.\n": Kind.BARE,
    b"\n.\r\n": Kind.BARE,
    b"\r.\r": Kind.BARE,
    b"\r.\r\n": Kind.BARE,
    b"\r.\n": Kind.BARE,
    b"\n.\r": Kind.BARE,
    b"\r\n.\n": Kind.BARE,
    b"\r\n.\r": Kind.BARE,
    b"\r\n.\r.\r\n": Kind.BARE,
    b"\r\n.\r\r\n": Kind.BARE,
    b"\n\n.\n\n": Kind.BARE,
    b"\n\n.\r\n": Kind.BARE,
    b"\r\r.\r\r": Kind.BARE,
    b"\n\r.\n\r": Kind.BARE,
    b"\n\r\n\r.\r\n": Kind.BARE,
    b"\r\n\n.\r\n": Kind.BARE,
    b"\n.\n\r\n": Kind.BARE,
    b"\r\n.\n\r\n": Kind.BARE,
    b"\r\n\r.\r\n": Kind.BARE,
    b"\x85.\x85\n": Kind.BARE,          # NEL, a line end to some
    b"\r\n\x00.\r\n": Kind.NUL,
    b"\r\n.\x00\r\n": Kind.NUL,
    b"\r\n.\r\x00\n": Kind.BARE_AND_NUL,
    b"\r\x00\n.\r\n": Kind.BARE_AND_NUL,
    b"\n\x00.\r\n": Kind.BARE_AND_NUL,
    b"\r\n..\r\n": Kind.CLEAN,
    b"\r\n. \r\n": Kind.CLEAN,
    b"\r\n .\r\n": Kind.CLEAN,
    b"\r\n.\x0b\r\n": Kind.CLEAN,       # vertical tab
    b"\r\n.\x1a\r\n": Kind.CLEAN,       # end of file, elsewhere
    b"\r\n\xe2\x80\xa8.\r\n": Kind.CLEAN,   # LINE SEPARATOR in UTF-8
}
HEAD = b"From: <author@origin.example>\r\nSubject: outer\r\n\r\nfirst line"


@dataclass(frozen=True)
class Attempt:
    variant: bytes
    listener: str
    pieces: tuple[int, ...]     # where the octets between the messages are cut
    sender: str                 # of the first message
    inner: str                  # of the smuggled one

    @property
    def wanted(self) -> str:
        """The reply to the first message."""
        kind = VARIANTS[self.variant]
        if kind in (Kind.BARE, Kind.BARE_AND_NUL) and self.listener == "reject":
            return BARE
        return NUL if kind in (Kind.NUL, Kind.BARE_AND_NUL) else TAKEN

    @property
    def smuggled(self) -> bytes:
        return (f"MAIL FROM:<{self.inner}>\r\nRCPT TO:<victim@target.example>\r\nDATA\r\n"
                "Subject: inner\r\n\r\nsmuggled").encode()

    @property
    def content(self) -> bytes:
        return HEAD + self.variant + self.smuggled + b"\r\n"

    def cut(self, octets: bytes) -> list[bytes]:
        """In segments, cut within and beside the variant."""
        places = [0, *(len(HEAD) + at for at in self.pieces), len(octets)]
        return [octets[begin:end] for begin, end in zip(places, places[1:]) if end > begin]

    def __str__(self) -> str:
        return f"{self.variant!r} cut at {self.pieces} on the {self.listener} listener"


def attempts(trial: Trial, listener: str) -> Iterator[Attempt]:
    """In one piece, cut at each place, and octet by octet."""
    for variant in VARIANTS:
        every = tuple(range(len(variant) + 1))
        for pieces in ((), *((at,) for at in every), every):
            yield Attempt(variant, listener, pieces, trial.name("outer"), trial.name("smuggler"))


Play = Callable[[Trial, Attempt], Awaitable[None]]


async def _by_data(trial: Trial, attempt: Attempt) -> None:
    async with await trial.client(attempt.listener) as client:
        await client.envelope(attempt.sender, "reader@target.example")
        await client.ask_for("DATA", "354")
        await client.write_pieces(*attempt.cut(attempt.content.removesuffix(b"\r\n") + END_OF_DATA))
        await _one_reply(client, attempt)


async def _by_bdat(trial: Trial, attempt: Attempt) -> None:
    """In one chunk, whose segments are cut."""
    async with await trial.client(attempt.listener) as client:
        await client.envelope(attempt.sender, "reader@target.example")
        await client.write(f"BDAT {len(attempt.content)} LAST\r\n")
        await client.write_pieces(*attempt.cut(attempt.content))
        await _one_reply(client, attempt)


async def _by_chunks(trial: Trial, attempt: Attempt) -> None:
    """Cut into chunks. One that is refused ends the message, and those behind it get 503 (RFC 3030 §2)."""
    async with await trial.client(attempt.listener) as client:
        await client.envelope(attempt.sender, "reader@target.example")
        chunks = attempt.cut(attempt.content)
        refused = False
        for chunk in chunks:
            last = b" LAST" if chunk is chunks[-1] else b""
            await client.write(b"BDAT %d%s\r\n%s" % (len(chunk), last, chunk))
            reply = await client.expect("503" if refused else "250 2.0.0", attempt.wanted)
            refused = refused or not reply.begins("250")
        equal(f"{attempt}: was the message refused", refused, attempt.wanted != TAKEN)
        await client.ask_for("NOOP", "250")
        await client.quit()


async def _one_reply(client: Client, attempt: Attempt) -> None:
    reply = await client.reply()
    check(reply.begins(attempt.wanted), f"{attempt}: wanted {attempt.wanted}, got {reply}")
    await client.ask_for("NOOP", "250")     # had commands been seen, their replies would come first
    await client.quit()


async def _run(trial: Trial, play: Play, listener: str) -> None:
    tried = list(attempts(trial, listener))
    await at_once(AT_ONCE, (play(trial, attempt) for attempt in tried))
    await trial.drained()
    _judge(trial, tried, play is _by_data)
    trial.facts[f"sessions on the {listener} listener"] = f"{len(tried)}, {trial.sink.count} messages"


def _judge(trial: Trial, tried: list[Attempt], by_data: bool) -> None:
    known = {attempt.sender for attempt in tried if attempt.wanted == TAKEN}
    senders = [message.sender for message in trial.sink.messages]
    equal("messages that nobody sent", sorted(set(senders) - known), [])
    equal("messages that arrived twice", len(senders), len(set(senders)))
    equal("messages that did not arrive", sorted(known - set(senders)), [])
    for attempt in tried:
        for message in trial.sink.from_sender(attempt.sender):
            equal(f"{attempt}: recipients", message.addresses, ["reader@target.example"])
            check(message.given.startswith(HEAD) and message.given.endswith(attempt.smuggled + b"\r\n"),
                  f"{attempt}: the one message has not all that was in it: {message.given!r}")
            if VARIANTS[attempt.variant] is Kind.CLEAN:
                content = attempt.content.replace(b"\r\n.", b"\r\n") if by_data else attempt.content
                equal(f"{attempt}: content", message.given, content)


async def data_reject(trial: Trial) -> None:
    await _run(trial, _by_data, "reject")


async def data_normalize(trial: Trial) -> None:
    await _run(trial, _by_data, "normalize")


async def bdat_reject(trial: Trial) -> None:
    await _run(trial, _by_bdat, "reject")


async def bdat_normalize(trial: Trial) -> None:
    await _run(trial, _by_bdat, "normalize")


async def chunks_reject(trial: Trial) -> None:
    await _run(trial, _by_chunks, "reject")


async def chunks_normalize(trial: Trial) -> None:
    await _run(trial, _by_chunks, "normalize")


async def the_true_end(trial: Trial) -> None:
    """The harness against itself: behind the true end of data the same octets are commands."""
    async with await trial.client("reject") as client:
        sender, inner = trial.name("outer"), trial.name("smuggler")
        await client.envelope(sender, "reader@target.example")
        await client.ask_for("DATA", "354")
        await client.write(HEAD + END_OF_DATA + f"MAIL FROM:<{inner}>\r\nRCPT TO:<victim@target.example>\r\n".encode())
        for _ in range(3):
            await client.expect("250")
        await client.quit()
    equal("the message", (await trial.arrived(sender)).given, HEAD + b"\r\n")
    equal("messages of the other", trial.sink.from_sender(inner), [])


async def bdat_true_dots(trial: Trial) -> None:
    """In a chunk nothing ends the data and no dot is taken away."""
    sender = trial.name()
    content = HEAD + b"\r\n.\r\n..\r\n.\r\nQUIT\r\n.\r\n"
    async with await trial.client("reject") as client:
        await client.envelope(sender, "reader@target.example")
        await client.write(b"BDAT %d LAST\r\n%s" % (len(content), content))
        await client.expect("250 2.0.0")
        await client.quit()
    equal("the message", (await trial.arrived(sender)).given, content)


async def unwanted_chunks(trial: Trial) -> None:
    """Commands in a chunk that has no place are swallowed with it (CHK-03); a size that is none ends the session."""
    hidden = b"MAIL FROM:<smuggler@origin.example>\r\nRCPT TO:<victim@target.example>\r\n"
    wire = b"BDAT %d LAST\r\n%s" % (len(hidden), hidden)
    async with await trial.client("reject") as client:
        for before in (None, "MAIL FROM:<a@origin.example>"):
            if before:
                await client.ask_for(before, "250")
            await client.write(wire)
            await client.expect("503")
            await client.ask_for("RSET", "250")
        await client.envelope("a@origin.example", "reader@target.example")
        await client.write(b"BDAT %d\r\n%s" % (len(hidden), hidden))
        await client.expect("250 2.0.0")
        for command in ("DATA", "MAIL FROM:<b@origin.example>", "RCPT TO:<c@target.example>"):
            await client.ask_for(command, "503")
        await client.ask_for("RSET", "250")
        await client.write(wire)
        await client.expect("503")
        await client.quit()
    for size in (b"x", b"-5", b"5 5", b"5 FIRST", b"99999999999999999999999", b""):
        async with await trial.client("reject") as client:
            await client.envelope("a@origin.example", "reader@target.example")
            await client.write(b"BDAT " + size + b"\r\n" + hidden)
            await client.expect("501", "552")
            equal("behind a chunk without a size", await client.rest(), b"")
    await trial.drained()
    equal("messages", trial.sink.count, 0)


async def bare_lf_in_commands(trial: Trial) -> None:
    """A command that ends in LF alone ends the session, with whatever stands behind it unread."""
    async with await trial.client("reject") as client:
        await client.write(b"NOOP\nMAIL FROM:<smuggler@origin.example>\r\nRCPT TO:<victim@target.example>\r\n")
        await client.expect(BARE)
        equal("behind the refusal", await client.rest(), b"")
    async with await trial.client("reject") as client:
        await client.write(b"MAIL FROM:<a@origin.example>\r\nRCPT TO:<b@target.example\nDATA>\r\n")
        await client.expect("250")
        await client.expect(BARE)
        equal("behind the refusal", await client.rest(), b"")


def _case(how: str, ids: str, play: Callable[[Trial], Awaitable[None]], sink: tuple[str, ...] = ("8BITMIME",)) -> Case:
    return Case(f"smuggling {how}: one message or none, never a second one", ids, play,
                LISTENERS, extensions=sink)


CASES = (
    Case("the true end of data, and commands behind it", "SMU-01 PIP-03", the_true_end, LISTENERS),
    _case("by DATA, bare newlines refused", "SMU-01 SMU-02 pitfall 71", data_reject),
    _case("by DATA, bare newlines mended", "SMU-01 SMU-02 SMU-03 pitfall 71", data_normalize),
    _case("by DATA, sent on by BDAT", "SMU-01 SMU-03 pitfall 71", data_normalize, ("8BITMIME", "CHUNKING")),
    _case("by BDAT, bare newlines refused", "SMU-02 CHK-04 pitfall 71", bdat_reject),
    _case("by BDAT, bare newlines mended", "SMU-02 SMU-03 CHK-04 pitfall 71", bdat_normalize),
    _case("across chunks, bare newlines refused", "SMU-02 CHK-04 pitfall 72", chunks_reject),
    _case("across chunks, bare newlines mended", "SMU-02 SMU-03 CHK-04 pitfall 72", chunks_normalize),
    Case("dots in chunks are octets like any others", "CHK-04 SMTP-26", bdat_true_dots, LISTENERS),
    Case("chunks that have no place, or no size", "CHK-03 CHK-04", unwanted_chunks, LISTENERS),
    Case("a bare LF in a command ends the session", "SMU-02", bare_lf_in_commands, LISTENERS),
)
