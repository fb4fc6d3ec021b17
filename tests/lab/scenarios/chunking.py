"""BDAT towards hosts that offer CHUNKING: the octets, who gets which reply, and what becomes of a message when the host
does not keep to what it offers. The hosts read every chunk to its end, and hold it to RFC 3030.
"""

from __future__ import annotations

from typing import Any

from ca import SELF_SIGNED
from expect import Delivered, equal
from scenario import Check, Scenario
from sites import CHUNKING, HANG_UP, Host, Replies, Site, Smtp, StartTls, always, once
from trial import Trial

from scenarios.reuse import ACCEPTED, MANY, ONE_THREAD, PATIENT, SHORTEST_RETRY, again_at_once, one_visit, sent, then
from scenarios.smtp_dialogue import BODIES

CHUNK = 64 * 1024     # octets of a chunk that is not the last
FLIGHT = 128 * 1024   # octets of a message that goes along with its envelope
LINE = ".each line of it begins with a dot" + "x" * 900 + "\r\n"
SHORT = "." + "x" * 69 + "\r\n"
MANY_CHUNKS = LINE * (2_000_000 // len(LINE))  # more than may be unanswered
LARGE = LINE * (5_000_000 // len(LINE)) + "x" * 60_000 + "\r\n"


def host(**behaviour: Any) -> Smtp:
    return Smtp(**{"extensions": CHUNKING, **behaviour})


def site(zone: str, **behaviour: Any) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(Host(smtp=host(**behaviour)),)),)


def data_commands(trial: Trial) -> list[str]:
    return [line for visit in trial.host().visits for _, line in visit.lines if line == "DATA"]


async def one_by_chunks(trial: Trial, body: str, *to: str) -> tuple[int, ...]:
    """Delivered octet by octet at the first attempt; the chunks it came in."""
    recipient = (await trial.send(*to, body=body))[0]
    await trial.attempt(recipient, "sent")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    message, = trial.host().accepted_for(recipient)
    assert message.content.startswith(b"Received: "), "no Received on top"
    _, _, got = message.content.partition(b"\r\n\r\n")
    assert got == body.encode(), f"a body of {len(body)} octets arrived otherwise"
    lines = message.content.replace(b"\r\n", b"")
    assert b"\r" not in lines and b"\n" not in lines, "a bare CR or LF was sent"
    equal("octets of all chunks", sum(message.chunks), len(message.content))
    return message.chunks


async def in_one_flight(trial: Trial) -> None:
    """The host says nothing to MAIL before it has the message: by DATA nothing would ever arrive."""
    for body in BODIES:
        equal("chunks", len(await one_by_chunks(trial, body)), 1)
    equal("DATA", data_commands(trial), [])


async def at_the_bounds(trial: Trial) -> None:
    # Addresses of one length, so that all that stands before the body has one.
    trial.recipients += [f"bound-{number}@{trial.domain}" for number in range(10)]
    addresses = iter(trial.recipients)
    overhead = sum(await one_by_chunks(trial, "", next(addresses)))
    for bound in (CHUNK, FLIGHT, 3 * CHUNK):
        for size in (bound - 1, bound, bound + 1):
            lines, rest = divmod(size - overhead - len("\r\n"), len(SHORT))
            chunks = await one_by_chunks(trial, SHORT * lines + "y" * rest + "\r\n", next(addresses))
            full, rest = divmod(size - 2, CHUNK)  # the last two octets stay together
            equal(f"chunks of {size} octets", chunks, (size,) if size <= FLIGHT else (CHUNK,) * full + (rest + 2,))
    equal("DATA", data_commands(trial), [])


async def several_megabytes(trial: Trial) -> None:
    chunks = await one_by_chunks(trial, LARGE)
    equal("octets of every chunk but the last", set(chunks[:-1]), {CHUNK})
    assert len(chunks) > 70, f"{len(chunks)} chunks"


async def nobody(trial: Trial) -> None:
    """Each has its own reply to RCPT; the 250 that the chunk got serves nobody."""
    recipients = [trial.address(part) for part in ("no-such", "none-such")]
    await trial.send(*recipients)
    for recipient in recipients:
        equal("dsn=", (await trial.attempt(recipient, "bounced")).dsn, "5.1.1")
    equal("messages at the host", trial.host().received, [])
    visit = next(visit for visit in trial.host().visits if visit.said("MAIL"))
    equal("BDAT", visit.count("BDAT"), 1)
    await sent(trial)
    equal("connections", len(trial.host().visits), 1)
    equal("RSET", visit.count("RSET"), 1)


async def some(trial: Trial) -> None:
    good, refused, later = (trial.address(part) for part in ("good", "no-such", "later"))
    await trial.send(good, refused, later)
    await trial.attempt(good, "sent")
    equal("dsn= of the refused", (await trial.attempt(refused, "bounced")).dsn, "5.1.1")
    equal("dsn= of the waiting", (await trial.attempt(later, "deferred")).dsn, "4.2.1")
    await trial.attempt(later, "sent")
    equal("recipients of each message", [message.recipients for message in trial.host().received], [[good], [later]])


def by_data_after_all(large: bool) -> Check:
    async def check(trial: Trial) -> None:
        """The first connection is given up, the second one has DATA; so has the next message over it."""
        body = MANY_CHUNKS if large else "Hello.\r\n"
        recipient = (await trial.send(body=body))[0]
        await trial.attempt(recipient, "sent")
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
        message, = trial.host().accepted_for(recipient)
        equal("chunks", message.chunks, ())
        assert message.content.endswith(body.encode()), "the message is another one"
        equal("connections", len(trial.host().visits), 2)
        await sent(trial)
        equal("BDAT over the second", trial.host().visits[1].count("BDAT"), 0)
        equal("messages over the second", trial.host().visits[1].count("MAIL"), 2)
    return check


async def doubt(trial: Trial) -> None:
    """One more copy after a wait, by DATA, at no other host."""
    recipient = await trial.send_one()
    attempt = await trial.first_attempt(recipient)
    equal("status of the first attempt", attempt.status, "deferred")
    assert "may be delivered more than once" in attempt.text, attempt.text
    again = await trial.attempt(recipient, "sent")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 2)
    assert again.delay >= SHORTEST_RETRY, f"tried again without a wait: {again.line}"
    copies = [message for message in trial.host().received if recipient in message.recipients]
    equal("which copies came by BDAT", [bool(message.chunks) for message in copies], [True, False])
    assert not trial.host("other").saw_mail(), "the second host was tried after the last chunk"


async def never_answers_mail(trial: Trial) -> None:
    """With a flight, a host that breaks off at MAIL leaves doubt; the second attempt goes on to the other host."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await trial.attempt(recipient, "sent")
    equal("who took it", trial.accepted_by(recipient), [f"other.{trial.domain}"])
    equal("attempts", len(trial.relay.log.attempts(recipient)), 2)


async def several(trial: Trial) -> None:
    recipients = [await sent(trial) for _ in range(4)]
    visit = one_visit(trial.host())
    said = {verb: visit.count(verb) for verb in ("EHLO", "STARTTLS", "MAIL", "BDAT", "DATA", "RSET")}
    equal("commands", said, {"EHLO": 2, "STARTTLS": 1, "MAIL": 4, "BDAT": 4, "DATA": 0, "RSET": 0})
    equal("recipients", visit.recipients(), recipients)
    equal("tls= in the log", {one.tls for recipient in recipients for one in trial.relay.log.attempts(recipient)},
          {"dane"})


async def refused_amid(trial: Trial) -> None:
    """No more than the window follows the refused chunk; RSET, and the next message over the same connection."""
    recipient = (await trial.send(body=MANY_CHUNKS))[0]
    attempt = await trial.first_attempt(recipient)
    equal("status of the first attempt", (attempt.status, attempt.dsn), ("deferred", "4.3.1"))
    await trial.attempt(recipient, "sent")
    message, = trial.host().received
    equal("chunks of the second attempt", message.chunks, ())
    first = trial.host().visits[0]
    assert first.count("BDAT") <= 20, f"{first.count('BDAT')} chunks after the third was refused"
    assert not any("LAST" in line for _, line in first.lines), "a last chunk behind a refused one"
    equal("RSET", first.count("RSET"), 1)


def keeping(title: str, shows: str, sites: tuple[Site, ...], check: Check) -> Scenario:
    return Scenario(title, shows, sites, check, settings=ONE_THREAD)


def lengthy(title: str, shows: str, sites: tuple[Site, ...], check: Check) -> Scenario:
    return Scenario(title, shows, sites, check, settings=PATIENT)


def two_hosts(zone: str, **behaviour: Any) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(Host("mx", 10, smtp=host(**behaviour)), Host("other", 20))),)


NO_SUCH = always("550 5.1.1 No such user")

SCENARIOS = (
    Scenario("CHUNKING: envelope and message go out in one flight, octet by octet", "CHK-01 pitfall-72",
             site("chunk-flight.test", holds_back=True), in_one_flight),
    Scenario("CHUNKING without PIPELINING: the message after the replies", "CHK-01 PIP-01",
             site("chunk-only.test", extensions=("SIZE 20000000", "CHUNKING")), Delivered("encrypted")),
    lengthy("CHUNKING: messages of just a chunk or a flight, and one octet less or more", "CHK-01 pitfall-72",
            site("chunk-bounds.test", starttls=StartTls.ABSENT), at_the_bounds),
    lengthy("CHUNKING: several megabytes in chunks of 64 KB, octet by octet", "CHK-01 pitfall-72",
            site("chunk-large.test"), several_megabytes),
    keeping("CHUNKING: everyone refused, and the host says 250 to the message: delivered to nobody",
            "SMTP-25 pitfall-70",
            site("chunk-nobody.test", messages=MANY, rcpt_for={"-such": NO_SUCH}, chunk_for_nobody="250 2.0.0 Thanks"),
            nobody),
    Scenario("CHUNKING: three recipients, three answers: each gets its own end", "pitfall-70",
             site("chunk-some.test", rcpt_for={"no-such": NO_SUCH, "later": once("451 4.2.1 Later")}), some),
    keeping("A host that offers CHUNKING and does not know BDAT: by DATA, in the same attempt", "CHK-02",
            site("chunk-unknown.test", knows_bdat=False, messages=MANY), by_data_after_all(large=False)),
    lengthy("A host that offers CHUNKING and does not know BDAT gets a large message by DATA", "CHK-02",
            site("chunk-unknown-large.test", knows_bdat=False, messages=MANY), by_data_after_all(large=True)),
    keeping("A connection lost after the last chunk: one more try later, by DATA, at no other host",
            "SMTP-03 pitfall-73", two_hosts("chunk-doubt.test", final=once(HANG_UP)), doubt),
    keeping("A host that always breaks off at MAIL does not keep a flight from the other host", "pitfall-73",
            two_hosts("chunk-breaks.test", mail=always(HANG_UP)), never_answers_mail),
    keeping("CHUNKING under DANE: several messages over one connection", "CHK-01 pitfall-68",
            (Site("chunk-dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1",), smtp=host(messages=MANY)),)),),
            several),
    keeping("CHUNKING: a host that closes on a kept connection without a word: another one in the same attempt",
            "pitfall-69 pitfall-73", site("chunk-closed.test", messages=MANY, mail=then(HANG_UP)), again_at_once),
    keeping("CHUNKING: 421 to MAIL on a kept connection: another one in the same attempt", "pitfall-69",
            site("chunk-421.test", messages=MANY, mail=then("421 4.4.2 Idle for too long")), again_at_once),
    lengthy("CHUNKING: a refused chunk ends the message, and RSET the transaction", "CHK-02",
            site("chunk-452.test", messages=MANY,
                 chunk=Replies(first=(ACCEPTED, ACCEPTED, "452 4.3.1 Disk full"))), refused_amid),
)
