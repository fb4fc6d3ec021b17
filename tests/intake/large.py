"""A large message to many: streamed through, so that memory does not grow with it. Pitfall 93"""

from __future__ import annotations

import hashlib

import process_facts
from case import Case, check, equal
from client import Client, stuffed
from trial import Trial, long_text, text

OCTETS = 50_000_000
RECIPIENTS = 100
GROWTH_AT_MOST = 16 << 20
PIECE = 1 << 16


async def _send(client: Client, sender: str, content: bytes, by_bdat: bool) -> None:
    await client.envelope(sender, *(f"reader-{number}@target.example" for number in range(RECIPIENTS)))
    wire = content if by_bdat else stuffed(content)
    if by_bdat:
        await client.write(f"BDAT {len(wire)} LAST\r\n")
    else:
        await client.ask_for("DATA", "354")
    for at in range(0, len(wire), PIECE):
        await client.write(wire[at:at + PIECE])
    await client.expect("250 2.0.0")


async def _growth(trial: Trial, client: Client, content: bytes, by_bdat: bool) -> int:
    """From what the program takes before, to the most while the message comes and goes."""
    pid, sender = trial.program.pid, trial.name()
    baseline = process_facts.resident(pid)
    process_facts.reset_peak(pid)
    await _send(client, sender, content, by_bdat)
    await trial.drained()
    messages = trial.sink.from_sender(sender)
    equal("recipients", sum(len(message.recipients) for message in messages), RECIPIENTS)
    check(all(message.size > len(content) for message in messages), "a message is not whole")
    return process_facts.peak(pid) - baseline


async def _measure(trial: Trial, by_bdat: bool) -> None:
    """What a message costs, not what the program keeps for all of them: two large ones have come and gone before, so that
    the buffers of the storage engine, a budget of their own (docs/performance.md), have been filled."""
    trial.sink.keep = False         # its size will do
    content = long_text(OCTETS)
    async with await trial.client() as client:
        await client.send(trial.name(), "reader@target.example", text("small"))
        await trial.drained()
        trial.facts["at first"] = process_facts.mib(process_facts.resident(trial.program.pid))
        for _ in range(2):
            await _growth(trial, client, content, by_bdat)
        growth = await _growth(trial, client, content, by_bdat)
        trial.facts["more at most"] = process_facts.mib(growth)
        await client.quit()
    check(growth < GROWTH_AT_MOST, f"memory grew by {process_facts.mib(growth)}")


async def by_data(trial: Trial) -> None:
    await _measure(trial, by_bdat=False)


async def by_bdat(trial: Trial) -> None:
    await _measure(trial, by_bdat=True)


async def arrives_whole(trial: Trial) -> None:
    """The same octets, whatever way they came, and by whatever way they go on."""
    content = long_text(OCTETS // 4)
    digest = hashlib.sha256(content).hexdigest()
    for by_bdat_in in (False, True):
        sender = trial.name()
        async with await trial.client() as client:
            await _send(client, sender, content, by_bdat_in)
            await client.quit()
        await trial.drained()
        for message in trial.sink.from_sender(sender):
            equal("digest", hashlib.sha256(message.given).hexdigest(), digest)


SETTINGS = {"limits": {"message_size": "60MB"}}
CASES = (
    Case("50 MB to 100 recipients by DATA: 16 MiB of memory", "pitfall 93 SMTP-28", by_data, settings=SETTINGS, measures=True),
    Case("50 MB to 100 recipients by BDAT: 16 MiB of memory", "pitfall 93 CHK-04", by_bdat, settings=SETTINGS, measures=True,
         extensions=("8BITMIME", "CHUNKING")),
    Case("a large message arrives octet by octet", "SMTP-29 CHK-01", arrives_whole, settings=SETTINGS),
    Case("a large message arrives octet by octet, in chunks", "SMTP-29 CHK-01", arrives_whole, settings=SETTINGS,
         extensions=("8BITMIME", "CHUNKING")),
)
