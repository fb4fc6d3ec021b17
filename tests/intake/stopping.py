"""SIGTERM: who is sending may finish, who is idle hears why, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import signal

import certificates
from case import Case, check, equal
from client import Client, stuffed
from trial import Trial, long_text, text

LISTENERS = {"relay": {}, "implicit": {"tls": "implicit"}}
RECIPIENT = "reader@target.example"
STOPPING = b"421 4.3.2"
HALF = 200_000


async def _begin(trial: Trial, listener: str) -> tuple[Client, str]:
    """A client in the middle of DATA."""
    tls = certificates.client_context() if listener == "implicit" else None
    client, sender = await trial.client(listener, tls=tls), trial.name()
    await client.envelope(sender, RECIPIENT)
    await client.ask_for("DATA", "354")
    await client.write_pieces(stuffed(long_text(2 * HALF))[:HALF])
    return client, sender


async def graceful(trial: Trial) -> None:
    content = long_text(2 * HALF)
    senders = dict([await _begin(trial, listener) for listener in LISTENERS])
    idle = [await trial.client("relay") for _ in range(3)]
    amid_envelope = await trial.client("relay")
    await amid_envelope.envelope("a@origin.example", RECIPIENT)
    trial.program.signal(signal.SIGTERM)
    for client in (*idle, amid_envelope):
        heard = await client.rest()
        check(heard.startswith(STOPPING), f"an idle session heard {heard!r}")
        client.close()
    await _nobody_is_let_in(trial)
    for client in senders:
        await client.write(stuffed(content)[HALF:])
        await client.expect("250 2.0.0")
        check((await client.rest()).startswith(STOPPING), "the session was not ended behind its message")
        client.close()
    equal("exit status", await trial.program.ended(), 0)
    await trial.program.start()
    for sender in senders.values():
        equal("content", (await trial.arrived(sender)).given, content)
    await trial.drained()
    equal("messages", trial.sink.count, len(senders))


async def _nobody_is_let_in(trial: Trial) -> None:
    try:
        late = await Client.connect(trial.ports["relay"], greeted=False)
    except ConnectionError:
        return
    heard = await late.rest()
    late.close()
    check(not heard.startswith(b"220"), f"a new client was let in: {heard!r}")


async def restarts_under_load(trial: Trial) -> None:
    """Clients that send all the time, while the program stops and starts: acknowledged is delivered, once."""
    acknowledged: list[str] = []
    stop = asyncio.Event()

    async def session() -> None:
        async with await Client.connect(trial.ports["relay"]) as client:
            if not (await client.ask("EHLO client.test")).begins("250"):
                return
            while not stop.is_set():
                sender = trial.name()
                lines = (f"MAIL FROM:<{sender}>", f"RCPT TO:<{RECIPIENT}>", "DATA")
                if not all([(await client.ask(line)).begins("250", "354") for line in lines]):
                    return
                await client.write(stuffed(text(sender)))
                if not (await client.reply()).begins("250"):
                    return
                acknowledged.append(sender)
                trial.pulse.beat()

    async def sending() -> None:
        while not stop.is_set():
            try:
                await session()
            except (ConnectionError, AssertionError):       # it stopped
                await trial.pulse.let_pass(0.02)
    clients = [asyncio.create_task(sending()) for _ in range(8)]
    try:
        for _ in range(3):
            wanted = len(acknowledged) + 100
            await trial.pulse.until(lambda: len(acknowledged) >= wanted or None, 20, "100 more messages are taken")
            trial.program.signal(signal.SIGTERM)
            equal("exit status", await trial.program.ended(), 0)
            await trial.program.start()
    finally:
        stop.set()
        await asyncio.wait(clients, timeout=20)
        for client in clients:
            client.cancel()
    await trial.drained()
    got = [message.sender for message in trial.sink.messages]
    equal("lost", sorted(set(acknowledged) - set(got)), [])
    equal("twice", len(got) - len(set(got)), 0)
    trial.facts["messages"] = f"{len(acknowledged)} acknowledged, {len(got)} delivered"


CASES = (
    Case("SIGTERM amid DATA: 250 and delivered; idle sessions hear 421 4.3.2", "SMTP-15", graceful, LISTENERS),
    Case("three restarts under load: acknowledged is delivered, once", "SMTP-15", restarts_under_load, LISTENERS),
)
