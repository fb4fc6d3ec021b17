"""One octet of a file of the spool has changed while the program was down."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Awaitable, Callable

import wal
from case import Case, Trial, check
from letters import DOMAINS

LETTERS = 60
NEEDS_OPERATOR = 78         # systemd/fulmar.service: starting again cannot help
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
COLUMN = re.compile(rb"name(default|messages|deliveries|bodies|records)")


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        octet = file.read(1)[0]
        file.seek(at)
        file.write(bytes([octet ^ 0x10]))


async def fill(trial: Trial) -> None:
    """The queue, while no mail host listens; then kill -9."""
    await trial.rig.close_hosts()
    await trial.start()
    async with trial.under_load():
        await trial.acknowledged(LETTERS * (4 if trial.long else 1))
    await trial.kill()


async def refuses(trial: Trial, damaged: str, *words: str) -> None:
    """One line that names the file and says what to do, a status that stops systemd, and no mail touched."""
    before = digests(trial)
    await trial.rig.daemon.start()
    status, lines = await trial.rig.daemon.refusal()
    said = [line for line in lines if line.startswith("fulmar: ")]
    check(status == NEEDS_OPERATOR, f"{damaged} is damaged: exit status {status}, {lines}")
    check(len(said) == 1, f"{damaged} is damaged: not one line: {lines}")
    for word in (damaged, *words):
        check(word in said[0], f"{damaged} is damaged: {word!r} is not in {said[0]!r}")
    check(digests(trial).items() >= before.items(), f"{damaged} is damaged: the start that refused changed the spool")
    trial.facts[damaged.partition("-")[0]] = "refused"


def digests(trial: Trial) -> dict[str, str]:
    """Of the tables, and of the log while there is no table: when tables are opened, it becomes one."""
    tables = list(trial.spool.glob("*.sst"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tables or trial.spool.glob("*.log")}


async def deliver(trial: Trial) -> None:
    await trial.rig.open_hosts()
    await trial.start()
    await trial.drain()


async def log_file(trial: Trial) -> None:
    """Refused until the operator says so; then all but what stood in the damaged part arrives."""
    await fill(trial)
    path = max(trial.spool.glob("*.log"), key=lambda log: log.stat().st_size)
    at = path.stat().st_size // 2
    content = wal.destroyed(path.read_bytes(), at)
    hit = {number for queue_id, number in trial.rig.ledger.queue_ids().items() if octets_of(queue_id) in content}
    flip(path, at)
    await refuses(trial, path.name, "skip-damage")
    (trial.spool / "skip-damage").touch()
    trial.rig.ledger.destroyed(hit)
    trial.facts["letters in the damaged part"] = len(hit)
    trial.facts["set aside"] = "allowed"
    await deliver(trial)
    check(not (trial.spool / "skip-damage").exists(), "skip-damage is still there")


async def manifest(trial: Trial) -> None:
    """Refused; brought back from a copy, nothing is lost."""
    await fill(trial)
    path = next(trial.spool.glob("MANIFEST-*"))
    for at in (path.stat().st_size // 2, 2):
        flip(path, at)
        await refuses(trial, path.name, "copy")
        flip(path, at)
    await deliver(trial)


async def current(trial: Trial) -> None:
    await fill(trial)
    path = trial.spool / "CURRENT"
    for at in range(0, path.stat().st_size, 1 if trial.long else 5):
        flip(path, at)
        await refuses(trial, path.name, "copy")
        flip(path, at)
    await deliver(trial)


async def tables(trial: Trial) -> None:
    """A table of envelopes or deliveries: refused. Brought back from a copy, nothing is lost."""
    for path in await written_to_tables(trial, "messages", "deliveries"):
        at = path.stat().st_size // 3
        flip(path, at)
        await refuses(trial, path.name, "copy")
        flip(path, at)
    await deliver(trial)


async def bodies(trial: Trial) -> None:
    """A table of bodies: all others are delivered; what cannot be read waits, and the log names the file."""
    path, = await written_to_tables(trial, "bodies")
    at = path.stat().st_size // 3
    flip(path, at)
    await trial.rig.open_hosts()
    await trial.start()
    await trial.rig.world.pulse.until(lambda: trial.rig.ledger.backlog <= len(DOMAINS) * 8 or None, 30, "the others arrive")
    async with asyncio.timeout(30):
        while await trial.rig.notices_waiting() > 0:    # some seconds, for others about their message
            await trial.rig.world.pulse.let_pass(1)
    await trial.rig.world.pulse.let_pass(2)
    waiting = await trial.rig.queued()
    check(0 < waiting <= 3, f"{waiting} letters wait for the damaged table")
    check(any(path.name in line for line in trial.rig.daemon.lines), f"the log does not name {path.name}")
    trial.facts["waiting for the file"] = waiting
    for _ in range(5):
        since = trial.now()
        async with trial.under_load():
            await trial.acknowledged(20)    # also when compaction comes upon the damage
        trial.rig.ledger.disk_failed(since, trial.now())
        await trial.kill()
        await trial.start()
    await trial.kill()
    flip(path, at)              # brought back from a copy
    await trial.start()
    await trial.drain()


async def written_to_tables(trial: Trial, *columns: str) -> list[Path]:
    await fill(trial)
    await trial.start()         # what stood in the log goes to tables
    await trial.kill()
    paths = [path for path in trial.spool.glob("*.sst") if column_of(path) in columns]
    check(len(paths) == len(columns), f"not one table for each of {columns}: {paths}")
    return paths


def column_of(path: Path) -> str:
    match = COLUMN.search(path.read_bytes())
    return match[1].decode() if match else "unknown"


def octets_of(queue_id: str) -> bytes:
    """The key of a queue id: 12 octets, of which each of its digits carries five bits."""
    bits = "".join(f"{ALPHABET.index(digit):05b}" for digit in queue_id)
    return int(bits[:96], 2).to_bytes(12, "big")


def _case(name: str, play: Callable[[Trial], Awaitable[None]], expected: str = "nothing") -> Case:
    return Case(f"pitfall_99 an octet has changed in {name}", play, expected)


CASES = (
    _case("a log file", log_file, "set aside"),
    _case("MANIFEST", manifest),
    _case("CURRENT", current),
    _case("a table of envelopes or deliveries", tables),
    _case("a table of bodies", bodies, "cannot be stored|cannot be written|not stored|table of the spool is damaged"),
)
