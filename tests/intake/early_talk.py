"""Octets that come before their time: before the greeting, behind STARTTLS, behind DATA, behind EHLO, behind AUTH."""

from __future__ import annotations

import signal

import certificates
from case import Case, check, equal
from client import Client
from trial import Trial, text

LISTENERS = {"relay": {}, "starttls": {"tls": "starttls"}, "implicit": {"tls": "implicit"}}
TOO_EARLY = "554 5.5.0"
SMUGGLED = b"MAIL FROM:<smuggler@origin.example>\r\nRCPT TO:<victim@target.example>\r\n"


async def _ended_unheard(client: Client, *prefixes: str) -> None:
    """One refusal, then the end."""
    await client.expect(*prefixes)
    equal("behind the refusal", await client.rest(), b"")
    client.close()


async def before_the_greeting(trial: Trial) -> None:
    """The program is stopped meanwhile, so that the octets are surely there when it looks."""
    trial.program.signal(signal.SIGSTOP)
    try:
        client = await Client.connect(trial.ports["relay"], first=b"EHLO early.test\r\n" + SMUGGLED, greeted=False)
    finally:
        trial.program.signal(signal.SIGCONT)
    await _ended_unheard(client, TOO_EARLY)
    equal("messages", trial.sink.count, 0)


async def behind_starttls(trial: Trial) -> None:
    """In the same segment, in the next one, and in the middle of a handshake that is none."""
    for behind in (SMUGGLED, b"EHLO again.test\r\n", b"\x16\x03\x01", b"\r\n", b"x"):
        client = await trial.client("starttls")
        await client.write(b"STARTTLS\r\n" + behind)
        await _ended_unheard(client, TOO_EARLY)
    client = await trial.client("starttls")
    await client.ask_for("STARTTLS", "220")
    await client.write(SMUGGLED)
    check(b"250" not in await client.rest(), "commands in clear were obeyed where the handshake was due")
    client.close()


async def state_before_tls_is_gone(trial: Trial) -> None:
    """RFC 3207 §4.2: greeting and transaction begin anew."""
    context = certificates.client_context()
    async with await trial.client("starttls") as client:
        await client.envelope("clear@origin.example", "reader@target.example")
        await client.start_tls(context)
        await client.ask_for("DATA", "503")
        await client.ask_for("MAIL FROM:<a@origin.example>", "503")
        check("STARTTLS" not in (await client.hello()).keywords, "STARTTLS is offered under TLS")
        await client.ask_for("DATA", "503")
        await client.ask_for("STARTTLS", "503")
        await client.send(trial.name(), "reader@target.example", text("under TLS"))
        await client.quit()


async def behind_data(trial: Trial) -> None:
    """A message that nobody asked for yet."""
    for listener, tls in (("relay", None), ("implicit", certificates.client_context())):
        client = await trial.client(listener, tls=tls)
        await client.envelope("a@origin.example", "reader@target.example")
        await client.write(b"DATA\r\nSubject: early\r\n\r\nx\r\n.\r\n")
        await _ended_unheard(client, TOO_EARLY)
    await trial.drained()
    equal("messages", trial.sink.count, 0)


async def behind_hello(trial: Trial) -> None:
    for hello in (b"EHLO client.test", b"HELO client.test"):
        client = await trial.client(hello=False)
        await client.write(hello + b"\r\n" + SMUGGLED)
        await _ended_unheard(client, TOO_EARLY)


async def pipelined(trial: Trial) -> None:
    """What may be sent in one go is answered in order; the next message behind the end of data too."""
    first, second = trial.name(), trial.name()
    body = text("pipelined")
    async with await trial.client() as client:
        await client.write(f"MAIL FROM:<{first}>\r\nRCPT TO:<a@target.example>\r\nRCPT TO:<no recipient>\r\n"
                           "RCPT TO:<b@target.example>\r\nDATA\r\n")
        for wanted in ("250 2.1.0", "250 2.1.5", "501", "250 2.1.5", "354"):
            await client.expect(wanted)
        await client.write(body + b".\r\n" + f"MAIL FROM:<{second}>\r\nRCPT TO:<c@target.example>\r\nDATA\r\n".encode())
        for wanted in ("250 2.0.0", "250 2.1.0", "250 2.1.5", "354"):
            await client.expect(wanted)
        await client.write(body + b".\r\nQUIT\r\n")
        await client.expect("250 2.0.0")
        await client.expect("221")
        equal("behind the reply to QUIT", await client.rest(), b"")
    equal("recipients", (await trial.arrived(first)).addresses, ["a@target.example", "b@target.example"])
    equal("recipients", (await trial.arrived(second)).addresses, ["c@target.example"])


async def behind_auth(trial: Trial) -> None:
    """The password first, and then the reply to it."""
    client = await trial.client("auth", tls=certificates.client_context())
    await client.write(b"AUTH PLAIN AHNob3AAc2VjcmV0\r\n" + SMUGGLED)
    await _ended_unheard(client, TOO_EARLY)


CASES = (
    Case("a client that speaks before the greeting", "SMU-04", before_the_greeting),
    Case("plaintext behind STARTTLS is never obeyed", "STL-01 pitfall 79", behind_starttls, LISTENERS),
    Case("nothing said before TLS counts under it", "STL-01 pitfall 79", state_before_tls_is_gone, LISTENERS),
    Case("a message behind DATA, before 354", "PIP-03 SMU-04", behind_data, LISTENERS),
    Case("commands behind EHLO and HELO", "PIP-03 SMU-04", behind_hello),
    Case("pipelining: groups of commands, and messages in a row", "PIP-03", pipelined),
    Case("commands behind AUTH", "AUTH pitfall 79", behind_auth,
         {"auth": {"tls": "starttls", "auth": "optional"}}, users={"shop": "secret"}),
)
