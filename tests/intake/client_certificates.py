"""Clients that show a certificate in place of a password: which name counts, and whose signature."""

from __future__ import annotations

import ssl

import certificates
from case import Case, Failed, check, equal
from client import Client
from trial import Trial, text

RECIPIENT = "reader@target.example"
OPEN_TO_NOBODY = {"tls": "starttls", "client_ca": "<authority>", "relay_networks": ["192.0.2.0/24"]}
LISTENERS = {"starttls": OPEN_TO_NOBODY, "implicit": OPEN_TO_NOBODY | {"tls": "implicit"},
             "submission": OPEN_TO_NOBODY | {"kind": "submission", "auth": "required"}}
NAMES = (       # common name, alternative names, who that is
    ("ignored", "DNS:other.example,email:device@origin.example,email:second@origin.example", "device@origin.example"),
    ("ignored", "DNS:printer.origin.example,DNS:second.example", "printer.origin.example"),
    ("scanner", "", "scanner"),
)
RULES = tuple({"name": identity, "from": [f"only-{number}@origin.example"]}
              for number, (_, _, identity) in enumerate(NAMES))


def _shown(trial: Trial, name: str, common_name: str, alternative_names: str) -> ssl.SSLContext:
    pair = certificates.issue(trial.pair("authority"), trial.directory, name, common_name, alternative_names)
    return certificates.client_context(pair)


async def identities(trial: Trial) -> None:
    """Each is held to the table of its own name, on every kind of listener; the log names it."""
    for number, (common_name, alternative_names, identity) in enumerate(NAMES):
        context = _shown(trial, f"client-{number}", common_name, alternative_names)
        for listener in LISTENERS:
            async with await trial.client(listener, tls=context) as client:
                await client.ask_for(f"MAIL FROM:<only-{number + 7}@origin.example>", "550 5.7.1")
                sender = f"only-{number}@origin.example"
                content = text("by certificate").replace(b"author@origin.example", sender.encode())
                await client.send(sender, RECIPIENT, content)
                await client.quit()
        message = await trial.arrived(sender, len(LISTENERS))
        check(b" with ESMTPSA " in message.received, f"Received: {message.received!r}")
        await trial.program.said(identity, 20)


async def _turned_away(trial: Trial, listener: str, context: ssl.SSLContext) -> None:
    """By the handshake, or later as the stranger that it is."""
    client: Client | None = None
    try:
        client = await trial.client(listener, tls=context)
        reply = await client.ask("MAIL FROM:<a@origin.example>")
        if reply.begins("250"):
            reply = await client.ask(f"RCPT TO:<{RECIPIENT}>")
        check(reply.begins("550 5.7.1", "530 5.7.0"), f"a stranger is let in: {reply}")
    except (ssl.SSLError, ConnectionError):
        pass
    except Failed as failure:       # with TLS 1.3 the handshake's failure shows at the first reply
        check("the connection ended" in str(failure), str(failure))
    finally:
        if client is not None:
            client.close()


async def strangers(trial: Trial) -> None:
    """No certificate, one of a foreign authority that has our authority's very name, one that is self-signed."""
    (trial.directory / "foreign").mkdir()
    foreign = certificates.self_signed(trial.directory / "foreign", "authority")
    stranger = certificates.issue(foreign, trial.directory, "stranger", "scanner", "email:device@origin.example")
    for listener in LISTENERS:
        await _turned_away(trial, listener, certificates.client_context())
        await _turned_away(trial, listener, certificates.client_context(stranger))
        await _turned_away(trial, listener, certificates.client_context(trial.pair("device@origin.example")))
    async with await trial.client("starttls", tls=_shown(trial, "good", "scanner", "")) as client:
        await client.ask_for("MAIL FROM:<only-2@origin.example>", "250")
    equal("messages", trial.sink.count, 0)


CASES = (
    Case("client certificates: mail name, DNS name, common name", "AUTH", identities, LISTENERS, rules=RULES,
         users={"shop": "secret"}),
    Case("client certificates: strangers stay strangers", "AUTH", strangers, LISTENERS, rules=RULES,
         users={"shop": "secret"}),
)
