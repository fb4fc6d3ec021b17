"""What the other server says, and what is done about it: 4yz, 5yz, lost connections, odd words; and the bytes."""

from __future__ import annotations

from expect import Bounced, Delivered, equal
from scenario import Check, Scenario
from sites import HANG_UP, Host, Site, Smtp, always, once
from trial import Trial

BODIES = (".\r\n", "..\r\n.\r\n.leading\r\n", "", "\r\n\r\n.\r\nend\r\n", "x" * 900 + "\r\n." + "y" * 900 + "\r\n",
          "".join(f"{'.' * (n % 5)}line {n}\r\n" for n in range(3000)))


def site(zone: str, **behaviour: object) -> tuple[Site, ...]:
    return (Site(zone, hosts=(Host(smtp=Smtp(**behaviour)),)),)  # type: ignore[arg-type]


def retried(dsn: str, times: int = 1) -> Check:
    async def check(trial: Trial) -> None:
        recipient = await trial.send_one()
        equal("dsn= of the first attempt", (await trial.attempt(recipient, "deferred")).dsn, dsn)
        await Delivered("encrypted", attempts_before=times).check(trial, recipient)
    return check


async def each_its_own(trial: Trial) -> None:
    """250, 550 and 451 in one transaction: one delivered, one bounced, one waiting; the notice names the one."""
    good, refused, later = (trial.address(part) for part in ("good", "no-such", "later"))
    await trial.send(good, refused, later)
    await trial.attempt(good, "sent")
    equal("dsn= of the refused", (await trial.attempt(refused, "bounced")).dsn, "5.1.1")
    equal("dsn= of the waiting", (await trial.attempt(later, "deferred")).dsn, "4.2.1")
    notice = await trial.notice(refused, "failed")
    for other in (good, later):
        equal(f"notices about {other}", trial.notice_count(other, "failed"), 0)
    assert "smtp; 550" in (notice.diagnostic or ""), f"Diagnostic-Code: {notice.diagnostic}"
    await trial.attempt(later, "sent")
    equal("times the first was taken", len(trial.host().accepted_for(good)), 1)


async def byte_for_byte(trial: Trial) -> None:
    for body in BODIES:
        recipient = (await trial.send(body=body))[0]
        await trial.attempt(recipient, "sent")
        content = trial.host().accepted_for(recipient)[0].content
        assert content.startswith(b"Received: "), "no Received on top"
        _, _, got = content.partition(b"\r\n\r\n")
        equal(f"body of {len(body)} octets", got, body.encode())
        lines = content.replace(b"\r\n", b"")
        assert b"\r" not in lines and b"\n" not in lines, "a bare CR or LF was sent"


async def lost_after_the_dot(trial: Trial) -> None:
    """The host takes the message and hangs up without a word: one more copy after a wait, at no other host."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await trial.attempt(recipient, "sent")
    copies = [m for m in trial.host("mx1").received if recipient in m.recipients]
    equal("copies sent", len(copies), 2)
    assert not trial.host("mx2").saw_mail(), "the second host was tried after the final dot"


async def odd_words(trial: Trial) -> None:
    """Control characters in a reply: one log line, and a notice that parses with no header smuggled in."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "bounced")
    assert all(character.isprintable() for character in attempt.line), f"{attempt.line!r}"
    notice = await trial.notice(recipient, "failed")
    head, _, _ = notice.raw.partition(b"\r\n\r\n")
    assert b"evil@" not in head.lower(), "a header was smuggled into the notice"
    assert b"\x1b" not in notice.raw and b"\x00" not in notice.raw, "control characters in the notice"


async def one_transaction(trial: Trial) -> None:
    to = [trial.address() for _ in range(5)]
    await trial.send(*to)
    for recipient in to:
        await trial.attempt(recipient, "sent")
    equal("messages at the host", [sorted(m.recipients) for m in trial.host().received], [sorted(to)])


async def rest_at_once(trial: Trial) -> None:
    """A host that takes ten recipients at a time gets them all in one attempt."""
    to = [trial.address() for _ in range(25)]
    await trial.send(*to)
    for recipient in to:
        await trial.attempt(recipient, "sent")
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    equal("recipients of each transaction", [len(m.recipients) for m in trial.host().received], [10, 10, 5])


async def only_what_is_offered(trial: Trial) -> None:
    await Delivered("encrypted", explained=False)(trial)
    mail = next(line for _, line in trial.host().visits[0].lines if line.startswith("MAIL"))
    equal("MAIL line", mail, "MAIL FROM:<sender@origin.test>")


async def too_big(trial: Trial) -> None:
    recipient = (await trial.send(body="x" * 70 + "\r\n" + "filling line\r\n" * 500))[0]
    await Bounced("5.3.4").check(trial, recipient)
    assert not any(visit.said("DATA") for visit in trial.host().visits), "DATA was sent"


SCENARIOS = (
    Scenario("450 to RCPT, then success: delivered at the second attempt", "SMTP-18 pitfall-85",
             site("rcpt-450.test", rcpt=once("450 4.2.0 Greylisted, come again")), retried("4.2.0")),
    Scenario("451 to MAIL three times, then success: delivered at the fourth attempt", "SMTP-04 SMTP-18",
             site("mail-451.test", mail=once(*["451 4.3.0 Not now"] * 3)), retried("4.3.0", 3)),
    Scenario("452 after the final dot, then success: delivered once", "SMTP-18",
             site("dot-452.test", final=once("452 4.3.1 Disk full")), retried("4.3.1")),
    Scenario("421 to RCPT, then success", "SMTP-18 pitfall-69",
             site("rcpt-421.test", rcpt=once("421 4.3.2 Closing")), retried("4.3.2")),
    Scenario("550 to RCPT comes back, with the other server's words", "DSN-13 pitfall-106",
             site("rcpt-550.test", rcpt=always("550 5.1.1 No such user: ask the porter")),
             Bounced("5.1.1", remote=True, text="ask the porter")),
    Scenario("550 to MAIL comes back, with the other server's words", "pitfall-70 pitfall-106",
             site("mail-550.test", mail=always("550 5.7.1 We do not take mail from you")),
             Bounced("5.7.1", remote=True, text="We do not take mail")),
    Scenario("554 after the final dot comes back", "DSN-13",
             site("dot-554.test", final=always("554 5.6.0 Content refused")),
             Bounced("5.6.0", remote=True, text="Content refused")),
    Scenario("A 5yz whose enhanced code says 2.0.0 still comes back as 5.x", "SMTP-16 pitfall-74",
             site("code-liar.test", rcpt=always("550 2.0.0 fine")), Bounced("5.1.0", remote=True)),
    Scenario("Three recipients, three answers: each gets its own end", "pitfall-70 pitfall-107",
             site("three-ends.test", rcpt_for={"no-such": always("550 5.1.1 No such user"),
                                               "later": once("451 4.2.1 Later")}), each_its_own),
    Scenario("Five recipients at one host are one transaction", "SMTP-07", site("one-transaction.test"),
             one_transaction),
    Scenario("452 for too many recipients: the rest goes at once in further transactions", "SMTP-19",
             site("ten-at-a-time.test", recipients=10), rest_at_once),
    Scenario("Bodies with dots, empty and long, arrive octet by octet", "SMTP-26 SMTP-27 SMTP-29 pitfall-72",
             site("byte-for-byte.test"), byte_for_byte),
    Scenario("Extensions the host does not list are not used", "SMTP-23 DSN-05",
             site("bare-host.test", extensions=()), only_what_is_offered),
    Scenario("A message larger than the host's SIZE comes back without DATA", "pitfall-77",
             site("size-1000.test", extensions=("SIZE 1000",)), too_big),
    Scenario("SIZE 0 means no limit", "pitfall-77", site("size-0.test", extensions=("SIZE 0",)),
             Delivered("encrypted")),
    Scenario("A connection lost after the final dot: one more try later, at no other host", "SMTP-03 pitfall-73",
             (Site("lost-dot.test", hosts=(Host("mx1", 10, smtp=Smtp(final=once(HANG_UP))), Host("mx2", 20))),),
             lost_after_the_dot),
    Scenario("Control characters in a reply harm neither log nor notice", "DSN-19 pitfall-75",
             site("odd-words.test", rcpt=always("550 5.1.1 \x1b[31mred\x00 \rBcc: evil@origin.test \xff\xfe")),
             odd_words),
)
