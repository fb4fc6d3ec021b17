"""Notices that the sender asked for or did not want. The sink is everybody's host, so it gets them too."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage

from case import Case, check, equal
from parameters import EIGHT_BIT, ENVELOPE_ID, HEADER_IN_UTF8, ORIGINAL
from sink import REFUSED, Message
from trial import Trial, text

RECIPIENT = "reader@target.example"
NOBODY = f"{REFUSED}@target.example"


@dataclass(frozen=True)
class Notice:
    action: str
    status: str
    recipient: str
    envelope_id: str
    original: str
    returned: str       # content type of the last part
    to: str             # of the envelope


def _parse(message: Message) -> list[Notice]:
    parsed = email.message_from_bytes(message.content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    equal("type of a notice", parsed.get_content_type(), "multipart/report")
    # The library knows message/delivery-status, and not message/global-delivery-status (RFC 6533).
    part = message.content.split(b"\r\n--" + parsed.get_boundary("").encode())[2]
    groups = [email.message_from_bytes(group) for group in part.strip().split(b"\r\n\r\n")[1:]]
    returned = list(parsed.iter_parts())[2].get_content_type()
    return [Notice(str(group["Action"]), str(group["Status"]).strip(), _value(group["Final-Recipient"]),
                   str(groups[0]["Original-Envelope-Id"] or ""), str(group["Original-Recipient"] or ""),
                   returned, message.addresses[0]) for group in groups[1:]]


def _value(field: object) -> str:
    return str(field).partition(";")[2].strip()


async def _send(trial: Trial, recipients: dict[str, str], mail: str = "",
                content: bytes = text("about notices")) -> str:
    sender = trial.name()
    async with await trial.client() as client:
        await client.ask_for(f"MAIL FROM:<{sender}> {mail}".rstrip(), "250")
        for address, rcpt in recipients.items():
            await client.ask_for(f"RCPT TO:<{address}> {rcpt}".rstrip(), "250")
        reply = await client.data(content)
        check(reply.begins("250"), f"not taken: {reply}")
        await client.quit()
    return sender


async def _notices(trial: Trial, sender: str) -> list[Notice]:
    """All that this sender ever gets: nothing is left in the spool then."""
    await trial.drained()
    return [notice for message in trial.sink.from_sender("") if message.addresses == [sender]
            for notice in _parse(message)]


async def _one(trial: Trial, sender: str, action: str, status: str, recipient: str) -> Notice:
    notices = await _notices(trial, sender)
    equal("notices", [(each.action, each.status, each.recipient) for each in notices], [(action, status, recipient)])
    return notices[0]


async def relayed(trial: Trial) -> None:
    """NOTIFY=SUCCESS, and a host that will not tell: we do, once."""
    sender = await _send(trial, {RECIPIENT: f"NOTIFY=SUCCESS ORCPT={ORIGINAL}"}, f"RET=HDRS ENVID={ENVELOPE_ID}")
    notice = await _one(trial, sender, "relayed", "2.0.0", RECIPIENT)
    equal("Original-Envelope-Id", notice.envelope_id, "QQ314159+x=y")
    equal("Original-Recipient", notice.original.replace(" ", ""), "rfc822;reader+tag@old.example")
    equal("what is returned", notice.returned, "text/rfc822-headers")
    equal("copies of the message", len(trial.sink.from_sender(sender)), 1)


async def not_relayed(trial: Trial) -> None:
    """A host with DSN tells by itself."""
    sender = await _send(trial, {RECIPIENT: "NOTIFY=SUCCESS"})
    equal("notices", await _notices(trial, sender), [])


async def never(trial: Trial) -> None:
    """NOTIFY=NEVER, and NOTIFY without FAILURE: a 550 is told to nobody."""
    for notify in ("NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY"):
        sender = await _send(trial, {NOBODY: f"NOTIFY={notify}"})
        equal(f"notices with NOTIFY={notify}", await _notices(trial, sender), [])
    for rcpt in ("", "NOTIFY=FAILURE", "NOTIFY=SUCCESS,FAILURE"):
        sender = await _send(trial, {NOBODY: rcpt})
        await _one(trial, sender, "failed", "5.1.1", NOBODY)


async def each_its_own(trial: Trial) -> None:
    """One message, three recipients, three wishes."""
    others = {f"{REFUSED}-never@target.example": "NOTIFY=NEVER", f"{REFUSED}-tell@target.example": "NOTIFY=FAILURE",
              "glad@target.example": "NOTIFY=SUCCESS"}
    sender = await _send(trial, others)
    told = sorted((notice.action, notice.recipient) for notice in await _notices(trial, sender))
    equal("notices", told, [("failed", f"{REFUSED}-tell@target.example"), ("relayed", "glad@target.example")])


async def returned_content(trial: Trial) -> None:
    for ret, returned in (("HDRS", "text/rfc822-headers"), ("FULL", "message/rfc822")):
        sender = await _send(trial, {NOBODY: ""}, f"RET={ret}")
        notice = await _one(trial, sender, "failed", "5.1.1", NOBODY)
        equal(f"what RET={ret} returns", notice.returned, returned)


async def own_words(trial: Trial) -> None:
    """Read again at SIGHUP; what is broken leaves the words as they are."""
    german = text("auf Deutsch").replace(b"\r\n\r\n", b"\r\nAccept-Language: de-AT, en;q=0.5\r\n\r\n", 1)

    async def told(words: bytes) -> None:
        sender = await _send(trial, {NOBODY: ""}, content=german)
        await _one(trial, sender, "failed", "5.1.1", NOBODY)
        notice = next(message.content for message in trial.sink.from_sender("") if message.addresses == [sender])
        check(b"\r\nContent-Language: de\r\n" in notice, f"not in German: {notice!r}")
        check(words in notice, f"{words!r} is not in the notice: {notice!r}")

    await told(b"\r\nIhre Nachricht an ")
    words = trial.directory / "texts" / "de.toml"
    words.write_text('[verdict]\nfailed = "Leider nicht angekommen: {recipients}."\n')
    await trial.hang_up("texts of notices read again")
    await told(b"\r\nLeider nicht angekommen: ")
    words.write_text('[verdict]\nfailed = "Leider nicht: {recipient}."\n')
    await trial.hang_up(r" error .*texts of notices cannot be read again.*de\.toml:2:10: .*\{recipients\}")
    await told(b"\r\nLeider nicht angekommen: ")


async def null_sender(trial: Trial) -> None:
    """Nothing is told about mail without a sender, whatever it asks."""
    async with await trial.client() as client:
        await client.ask_for("MAIL FROM:<>", "250")
        await client.ask_for(f"RCPT TO:<{NOBODY}> NOTIFY=SUCCESS,FAILURE", "250")
        check((await client.data(text("from nobody"))).begins("250"), "not taken")
        await client.quit()
    await trial.drained()
    equal("messages", trial.sink.count, 0)


async def utf8_without_smtputf8(trial: Trial) -> None:
    """What needs SMTPUTF8 comes back from a host without it."""
    for recipient, content in (("jürgen@target.example", text("to him")), (RECIPIENT, HEADER_IN_UTF8)):
        sender = await _send(trial, {recipient: ""}, "SMTPUTF8 BODY=8BITMIME", content)
        notices = await _notices(trial, sender)
        equal("notices", [(notice.action, notice.status) for notice in notices], [("failed", "5.6.7")])
        equal("copies of the message", trial.sink.from_sender(sender), [])


async def eight_bit_without_8bitmime(trial: Trial) -> None:
    sender = await _send(trial, {RECIPIENT: ""}, "BODY=8BITMIME", EIGHT_BIT)
    await _one(trial, sender, "failed", "5.6.3", RECIPIENT)
    equal("copies of the message", trial.sink.from_sender(sender), [])


CASES = (
    Case("NOTIFY=SUCCESS to a host without DSN: relayed", "DSN-05 DSN-12 DSN-13 DSN-15", relayed,
         extensions=("8BITMIME",)),
    Case("NOTIFY=SUCCESS to a host with DSN: it tells", "DSN-04", not_relayed),
    Case("NOTIFY=NEVER: nothing about a 550", "DSN-06 pitfall 109", never, extensions=("8BITMIME",)),
    Case("each recipient's own wish", "DSN-16 DSN-06", each_its_own, extensions=("8BITMIME",)),
    Case("RET: what comes back", "DSN-11", returned_content),
    Case("notices in the operator's own words, read again at SIGHUP", "pitfall 105", own_words,
         settings={"notify": {"templates_dir": "<texts>"}}, expected="texts of notices cannot be read again"),
    Case("nothing is told about the null sender", "DSN-08 SMTP-14", null_sender, expected="null reverse-path"),
    Case("mail that needs SMTPUTF8, to a host without", "EAI-02 pitfall 76", utf8_without_smtputf8,
         extensions=("8BITMIME", "DSN")),
    Case("8-bit content to a host without 8BITMIME", "8BM-01 pitfall 76", eight_bit_without_8bitmime,
         extensions=("DSN",)),
)
