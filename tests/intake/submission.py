"""What a submission listener demands and mends, and a relay listener passes on as it is. RFC 6409 §8, RFC 5322 §3.6"""

from __future__ import annotations

import re

import certificates
from case import Case, check, equal
from client import Client
from trial import Trial

LISTENERS = {"relay": {}, "submission": {"kind": "submission"}}
STRANGERS = {
    "none": {"kind": "submission", "relay_networks": ["192.0.2.0/24"]},
    "optional": {"kind": "submission", "relay_networks": ["192.0.2.0/24"], "tls": "starttls", "auth": "optional"},
    "relay": {"relay_networks": ["192.0.2.0/24"]},
}
RECIPIENT = "reader@target.example"
DATE = "Date: Mon, 2 Nov 2026 10:00:00 +0000"
MESSAGE_ID = "Message-ID: <given@origin.example>"
FROM = "From: author@origin.example"
DATE_FORM = re.compile(rb"Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")
ID_FORM = re.compile(rb"Message-ID: <[^<>@\s]+@mx\.intake\.test>", re.IGNORECASE)


def message(*fields: str, body: str = "Hello.") -> bytes:
    return "\r\n".join([*fields, "", body, ""]).encode()


async def _given(trial: Trial, listener: str, content: bytes) -> bytes:
    """What arrives of it, without the Received field."""
    sender = trial.name()
    async with await trial.client(listener) as client:
        await client.send(sender, RECIPIENT, content)
        await client.quit()
    return (await trial.arrived(sender)).given


ODD = (     # by relay they pass, to the octet
    message("Subject: no From, no Date, no Message-ID"),
    message(FROM, "Bcc: secret@target.example", "Subject: Bcc stays", "From: another@origin.example"),
    message(FROM, "bcc:", " folded@target.example,\r\n\tmore@target.example", "X:y", "X : z"),
    message("not a header line at all"),
    b"\r\n\r\nbody only\r\n",
    message(FROM, DATE, body="x" * 999),
    message(FROM, DATE, body="x" * 20_000),
    message(FROM, "Subject: " + "x" * 5_000),
    message(FROM, "Message-ID: not an id", "Return-Path: <a@origin.example>"),
)


async def relay_changes_nothing(trial: Trial) -> None:
    for content in ODD:
        equal("content", await _given(trial, "relay", content), content)
    sender = "user@host"
    async with await trial.client("relay") as client:
        await client.send(sender, "reader@host", ODD[0])
    equal("recipients", (await trial.arrived(sender)).addresses, ["reader@host"])


async def adds_what_is_missing(trial: Trial) -> None:
    before = (FROM, "To: reader@target.example", "Subject: folded\r\n over lines", "X-Odd:   spaces  stay ")
    for given, added in ((before, (DATE_FORM, ID_FORM)), ((*before, DATE), (ID_FORM,)),
                         ((MESSAGE_ID, *before), (DATE_FORM,))):
        head, _, body = (await _given(trial, "submission", message(*given))).partition(b"\r\n\r\n")
        kept = "\r\n".join(given).encode()
        check(head.startswith(kept + b"\r\n"), f"the fields that were given are not as they were: {head!r}")
        lines = head[len(kept) + 2:].split(b"\r\n")
        equal("fields that were added", len(lines), len(added))
        for form in added:
            check(any(form.fullmatch(line) for line in lines), f"no line like {form.pattern!r} in {lines}")
        equal("body", body, b"Hello.\r\n")


async def whole_messages_stay(trial: Trial) -> None:
    """Nothing is missing, so nothing changes: order, case, folding, spaces, 998 octets."""
    for content in (message(FROM, DATE, MESSAGE_ID, body="x" * 998 + "\r\n\r\n.\r\n..\r\nend"),
                    message("x-first: 1", "DATE:Mon, 2 Nov 2026 10:00:00 +0000", "message-id:\r\n <a@b.example>",
                            "from: A <a@origin.example>,\r\n\tB <b@origin.example>", "Sender: a@origin.example"),
                    message(FROM, DATE, MESSAGE_ID, "Subject: " + "x" * (998 - 9))):
        equal("content", await _given(trial, "submission", content), content)


async def takes_bcc_out(trial: Trial) -> None:
    given = await _given(trial, "submission", message(
        FROM, "Bcc: secret@target.example", DATE, "BCC: more@target.example,\r\n secret@target.example", MESSAGE_ID,
        "Resent-Bcc: secret@target.example", "Bcc-Not: stays", body="Bcc: in the body stays"))
    equal("content", given, message(FROM, DATE, MESSAGE_ID, "Bcc-Not: stays", body="Bcc: in the body stays"))


REFUSED = (
    ("no From", message(DATE, "Subject: x"), "554 5.6.0"),
    ("no header section", b"\r\nbody\r\n", "554 5.6.0"),
    ("two From fields", message(FROM, DATE, "From: other@origin.example"), "554 5.6.0"),
    ("From without an address", message("From: nobody in particular", DATE), "554 5.6.0"),
    ("an empty From", message("From:", DATE), "554 5.6.0"),
    ("several authors and no Sender", message("From: a@origin.example, b@origin.example", DATE), "554 5.6.0"),
    ("two Date fields", message(FROM, DATE, DATE), "554 5.6.0"),
    ("two Subject fields", message(FROM, DATE, "Subject: a", "subject: b"), "554 5.6.0"),
    ("a line that is no field", message(FROM, DATE, "no colon in here"), "554 5.6.0"),
    ("a long line in the body", message(FROM, DATE, body="x" * 999), "550 5.6.0"),
    ("a long line in the header", message(FROM, DATE, "Subject: " + "x" * (999 - 9)), "550 5.6.0"),
)


async def refuses_what_is_no_message(trial: Trial) -> None:
    """Each at the end of the data; the session goes on, and a good one passes."""
    async with await trial.client("submission") as client:
        for name, content, wanted in REFUSED:
            await client.envelope(trial.name(), RECIPIENT)
            reply = await client.data(content)
            check(reply.begins(wanted), f"{name}: wanted {wanted}, got {reply}")
        sender = trial.name()
        await client.send(sender, RECIPIENT, message(FROM, DATE, MESSAGE_ID))
        await client.quit()
    await trial.arrived(sender)
    await trial.drained()
    equal("messages", trial.sink.count, 1)


async def refuses_by_bdat_too(trial: Trial) -> None:
    """As by DATA, and cut into chunks anywhere."""
    content = message(FROM, "Bcc: secret@target.example", "Subject: by chunks")
    async with await trial.client("submission") as client:
        for name, wrong, wanted in REFUSED:
            await client.envelope(trial.name(), RECIPIENT)
            await client.write(b"BDAT %d LAST\r\n%s" % (len(wrong), wrong))
            reply = await client.reply()
            check(reply.begins(wanted), f"{name}: wanted {wanted}, got {reply}")
        for at in range(0, len(content), 5):
            sender = trial.name()
            await client.envelope(sender, RECIPIENT)
            await client.write(b"BDAT %d\r\n%s" % (at, content[:at]))
            await client.write(b"BDAT %d LAST\r\n%s" % (len(content) - at, content[at:]))
            await client.expect("250 2.0.0")
            await client.expect("250 2.0.0")
            given = (await trial.arrived(sender)).given
            check(b"Bcc" not in given and b"\r\nDate: " in given, f"cut at {at}: {given!r}")


async def addresses(trial: Trial) -> None:
    """Names that mean something here only; the null sender is good."""
    async with await trial.client("submission") as client:
        await client.ask_for("MAIL FROM:<user@host>", "554 5.1.8")
        await client.ask_for("MAIL FROM:<user>", "501 5.", "553 5.", "554 5.")
        await client.envelope("")
        await client.ask_for("RCPT TO:<reader@host>", "554 5.1.2")
        await client.ask_for("RCPT TO:<reader>", "501 5.", "553 5.", "554 5.")
        await client.ask_for(f"RCPT TO:<{RECIPIENT}>", "250")
        reply = await client.data(message(FROM, DATE, MESSAGE_ID))
        check(reply.begins("250 2.0.0"), f"a message with the null sender: {reply}")
        await client.quit()
    equal("recipients", (await trial.arrived("")).addresses, [RECIPIENT])


async def strangers(trial: Trial) -> None:
    """Who is neither in the networks nor authenticated sends nothing."""
    async with await trial.client("none") as client:
        await client.ask_for("MAIL FROM:<a@origin.example>", "550 5.7.1")
    async with await trial.client("optional") as client:
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
    async with await trial.client("optional", tls=certificates.client_context()) as client:
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
    async with await trial.client("relay") as client:
        await client.envelope("a@origin.example")
        await client.ask_for(f"RCPT TO:<{RECIPIENT}>", "550 5.7.1")
        await client.ask_for("DATA", "554", "503")
    equal("messages", trial.sink.count, 0)


async def received_field(trial: Trial) -> None:
    """How it says by what the message came. RFC 3848"""
    async def clause(client: Client, hello: str) -> bytes:
        sender = trial.name()
        await client.ask_for(hello, "250")
        await client.send(sender, RECIPIENT, message(FROM, DATE, MESSAGE_ID))
        return (await trial.arrived(sender)).received
    context = certificates.client_context()
    for wanted, listener, hello, tls in ((b" with SMTP ", "relay", "HELO a.test", None),
                                         (b" with ESMTP ", "relay", "EHLO a.test", None),
                                         (b" with ESMTPS ", "tls", "EHLO a.test", context)):
        async with await trial.client(listener, tls=tls, hello=False) as client:
            field = await clause(client, hello)
            check(wanted in field, f"no {wanted!r} in {field!r}")
            check(b"from a.test (" in field and b"[127.0.0.1]" in field, f"the client is not named: {field!r}")
            check(b" by mx.intake.test " in field, f"we are not named: {field!r}")
            equal("is the cipher suite named", re.search(rb"[ (]tls TLS_\w+", field) is not None, tls is not None)


CASES = (
    Case("a relay listener changes nothing", "SMTP-29 SUB-04", relay_changes_nothing, LISTENERS),
    Case("submission adds Date and Message-ID, and nothing else", "SUB-04", adds_what_is_missing, LISTENERS),
    Case("submission leaves whole messages as they are", "SUB-04", whole_messages_stay, LISTENERS),
    Case("submission takes Bcc out", "SUB-04", takes_bcc_out, LISTENERS),
    Case("submission refuses what is no message", "SUB-04", refuses_what_is_no_message, LISTENERS),
    Case("submission by chunks", "SUB-04 CHK-04", refuses_by_bdat_too, LISTENERS),
    Case("submission: unqualified domains, and the null sender", "SUB-02 SUB-03", addresses, LISTENERS),
    Case("who may not send", "SUB-01 SMTP-31", strangers, STRANGERS, users={"shop": "secret"}),
    Case("with and tls clauses in Received", "SUB-07 SMTP-30", received_field,
         {"relay": {}, "tls": {"tls": "implicit"}}),
)
