"""What a client says about delivery (DSN, SMTPUTF8, 8BITMIME): taken, refused, and passed on to hosts that know it."""

from __future__ import annotations

from case import Case, check, equal
from client import Client
from sink import Recipient
from trial import Trial, text

RECIPIENT = "reader@target.example"
ENVELOPE_ID = "QQ314159+2Bx+3Dy"
ORIGINAL = "rfc822;reader+2Btag@old.example"
EIGHT_BIT = text("eight bits", "Grüße.")
HEADER_IN_UTF8 = "From: Jürgen <author@origin.example>\r\nSubject: Grüße\r\n\r\nHello.\r\n".encode()


async def _send(trial: Trial, mail: str, rcpt: str, content: bytes = text("with parameters"),
                recipient: str = RECIPIENT) -> str:
    """The sender of a message that was taken."""
    sender = trial.name()
    async with await trial.client() as client:
        await client.ask_for(f"MAIL FROM:<{sender}> {mail}".rstrip(), "250")
        await client.ask_for(f"RCPT TO:<{recipient}> {rcpt}".rstrip(), "250")
        reply = await client.data(content)
        check(reply.begins("250"), f"not taken with {mail} and {rcpt}: {reply}")
        await client.quit()
    return sender


DSN = (     # to MAIL, to RCPT, and which of them a host that knows DSN must hear
    ("RET=HDRS ENVID=" + ENVELOPE_ID, "NOTIFY=SUCCESS,FAILURE ORCPT=" + ORIGINAL),
    ("RET=FULL", "NOTIFY=DELAY"),
    ("", "NOTIFY=NEVER"),
    ("ENVID=" + ENVELOPE_ID, "NOTIFY=SUCCESS,FAILURE,DELAY"),
    ("", "ORCPT=x400;anything+20else"),
    ("", ""),
)


def _passed_on(parameters: tuple[str, ...], *names: str) -> set[str]:
    return {each for each in parameters if each.partition("=")[0] in names}


async def dsn_passed_on(trial: Trial) -> None:
    """Octet by octet, whatever the client asked; nothing that it did not."""
    for mail, rcpt in DSN:
        message = await trial.arrived(await _send(trial, mail, rcpt))
        equal(f"MAIL with {mail}", _passed_on(message.parameters, "RET", "ENVID"), set(mail.split()))
        got = _passed_on(message.recipients[0].parameters, "NOTIFY", "ORCPT")
        wanted = set(rcpt.split())
        check(_sorted_notify(got) == _sorted_notify(wanted), f"RCPT with {rcpt}: got {got}")


def _sorted_notify(parameters: set[str]) -> set[str]:
    """The order of what NOTIFY lists has no meaning."""
    return {"NOTIFY=" + ",".join(sorted(each[7:].split(","))) if each.startswith("NOTIFY=") else each
            for each in parameters}


async def dsn_kept_back(trial: Trial) -> None:
    for mail, rcpt in DSN:
        if "SUCCESS" in rcpt:
            continue        # that makes a notice, see notices.py
        message = await trial.arrived(await _send(trial, mail, rcpt))
        equal(f"MAIL with {mail}", _passed_on(message.parameters, "RET", "ENVID"), set())
        equal(f"RCPT with {rcpt}", message.recipients, [Recipient(RECIPIENT)])


async def each_its_own(trial: Trial) -> None:
    """What was said of one recipient is not said of another, in one transaction."""
    sender = trial.name()
    asked = {"a@target.example": "NOTIFY=NEVER", "b@target.example": "NOTIFY=FAILURE ORCPT=rfc822;b@old.example",
             "c@target.example": ""}
    async with await trial.client() as client:
        await client.ask_for(f"MAIL FROM:<{sender}>", "250")
        for address, rcpt in asked.items():
            await client.ask_for(f"RCPT TO:<{address}> {rcpt}".rstrip(), "250")
        check((await client.data(text("to three"))).begins("250"), "not taken")
        await client.quit()
    await trial.drained()
    heard = {recipient.address: set(recipient.parameters) for message in trial.sink.from_sender(sender)
             for recipient in message.recipients}
    equal("parameters", heard, {address: set(rcpt.split()) for address, rcpt in asked.items()})


async def eight_bit_passed_on(trial: Trial) -> None:
    """BODY=8BITMIME when the content is, or was said to be."""
    for mail, content in (("BODY=8BITMIME", EIGHT_BIT), ("", EIGHT_BIT), ("BODY=7BIT", EIGHT_BIT)):
        message = await trial.arrived(await _send(trial, mail, "", content))
        check("BODY=8BITMIME" in message.parameters, f"with {mail or 'nothing'}: the host heard {message.parameters}")
        equal("content", message.given, content)
    message = await trial.arrived(await _send(trial, "BODY=7BIT", ""))
    check("BODY=8BITMIME" not in message.parameters, f"with 7-bit content the host heard {message.parameters}")


async def smtputf8_passed_on(trial: Trial) -> None:
    """When an address or the header section needs it, and never because it was merely declared."""
    for recipient, content in (("jürgen@target.example", text("to him")), (RECIPIENT, HEADER_IN_UTF8)):
        message = await trial.arrived(await _send(trial, "SMTPUTF8 BODY=8BITMIME", "", content, recipient))
        check("SMTPUTF8" in message.parameters, f"for {recipient}: the host heard {message.parameters}")
        equal("recipients", message.addresses, [recipient])
        equal("content", message.given, content)
    message = await trial.arrived(await _send(trial, "SMTPUTF8", ""))
    check("SMTPUTF8" not in message.parameters, f"for ASCII the host heard {message.parameters}")


async def smtputf8_declared_only(trial: Trial) -> None:
    """To a host without it, ASCII goes as ever; with UTF-8 in the domain only, A-labels go."""
    message = await trial.arrived(await _send(trial, "SMTPUTF8", ""))
    equal("parameters", _passed_on(message.parameters, "SMTPUTF8"), set())
    message = await trial.arrived(await _send(trial, "SMTPUTF8", "", recipient="reader@bücher.example"))
    equal("recipients", message.addresses, ["reader@xn--bcher-kva.example"])


REFUSED = (
    ("MAIL", "RET=SOME", "501"), ("MAIL", "RET", "501"), ("MAIL", "RET=FULL RET=HDRS", "501"),
    ("MAIL", "ENVID=", "501"), ("MAIL", "ENVID=a+zz", "501"), ("MAIL", "ENVID=" + "x" * 101, "501"),
    ("MAIL", "SIZE=many", "501"), ("MAIL", "SIZE=" + "9" * 30, "501", "552"), ("MAIL", "BODY=9BIT", "501"),
    ("MAIL", "SMTPUTF8=yes", "501"), ("MAIL", "FUTURE=1", "555"), ("MAIL", "NOTIFY=NEVER", "555", "501"),
    ("MAIL", "BODY=BINARYMIME", "501", "555"), ("MAIL", "REQUIRETLS", "555"),
    ("RCPT", "NOTIFY=", "501"), ("RCPT", "NOTIFY=NEVER,SUCCESS", "501"), ("RCPT", "NOTIFY=ALWAYS", "501"),
    ("RCPT", "NOTIFY=DELAY NOTIFY=DELAY", "501"), ("RCPT", "ORCPT=reader@old.example", "501"),
    ("RCPT", "ORCPT=rfc822;a+2", "501"), ("RCPT", "ORCPT=;x", "501"), ("RCPT", "FUTURE", "555"),
    ("RCPT", "RET=FULL", "555", "501"), ("RCPT", "ORCPT=rfc822;" + "x" * 600, "501"),
)


async def refused(trial: Trial) -> None:
    """The command fails, the session goes on."""
    for verb, parameter, *wanted in REFUSED:
        async with await trial.client() as client:
            if verb == "RCPT":
                await client.envelope("a@origin.example")
            path = "FROM:<a@origin.example>" if verb == "MAIL" else f"TO:<{RECIPIENT}>"
            await client.ask_for(f"{verb} {path} {parameter}", *wanted)
            await client.ask_for("NOOP", "250")
            await client.quit()


async def beyond_ascii(trial: Trial) -> None:
    """Addresses in UTF-8 need the parameter; what is not UTF-8 is no address."""
    async def no_address(client: Client, command: bytes) -> None:
        await client.write(command + b"\r\n")
        await client.expect("501", "553", "500")
    async with await trial.client() as client:
        await client.ask_for("MAIL FROM:<jürgen@origin.example>", "553 5.6.7")
        await client.ask_for("MAIL FROM:<a@origin.example>", "250")
        await client.ask_for("RCPT TO:<jürgen@target.example>", "553 5.6.7")
        await client.ask_for("RSET", "250")
        await client.ask_for("MAIL FROM:<jürgen@origin.example> SMTPUTF8", "250")
        await client.ask_for("RCPT TO:<søren@target.example>", "250")
        await no_address(client, b"RCPT TO:<s\xf8ren@target.example>")
        await no_address(client, b"RCPT TO:<a\xc0\xaeb@target.example>")
        await client.quit()


async def announced(trial: Trial) -> None:
    """EHLO lists what is there, and HELO opens none of it."""
    async with await trial.client() as client:
        keywords = (await client.hello()).keywords
        for name in ("PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "ENHANCEDSTATUSCODES"):
            check(name in keywords, f"EHLO does not list {name}: {sorted(keywords)}")
        for name in ("STARTTLS", "AUTH", "REQUIRETLS", "BINARYMIME", "ETRN", "EXPN", "VRFY"):
            check(name not in keywords, f"EHLO lists {name}")
        await client.ask_for("HELO client.test", "250")
        await client.ask_for("MAIL FROM:<a@origin.example> RET=HDRS", "555")
        await client.ask_for("MAIL FROM:<a@origin.example> SMTPUTF8", "555")
        await client.ask_for("MAIL FROM:<a@origin.example>", "250")
        await client.ask_for(f"RCPT TO:<{RECIPIENT}> NOTIFY=NEVER", "555")
        await client.quit()


CASES = (
    Case("what EHLO lists", "DSN-01 EAI-01 CHK-04", announced),
    Case("DSN parameters go on to a host that knows DSN", "DSN-01 DSN-03 DSN-04", dsn_passed_on),
    Case("DSN parameters go to no other host", "DSN-05", dsn_kept_back, extensions=("8BITMIME", "SMTPUTF8")),
    Case("DSN parameters are each recipient's own", "DSN-02 DSN-04", each_its_own),
    Case("8-bit content goes on as what it is", "8BM-01", eight_bit_passed_on),
    Case("SMTPUTF8 goes on where it is needed", "EAI-01 EAI-02", smtputf8_passed_on),
    Case("SMTPUTF8 declared without need", "EAI-02", smtputf8_declared_only, extensions=("8BITMIME",)),
    Case("parameters that are malformed or unknown", "DSN-02 DSN-03 SUB-03", refused),
    Case("addresses beyond ASCII", "EAI-01 pitfall 76", beyond_ascii),
)
