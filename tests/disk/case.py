"""What the cases share: a trial is the program on a disk that can be put in trouble, between clients and mail hosts."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import AsyncIterator, Awaitable, Callable, Optional

from faults import Faults
from load import Refusal
from relay import Settings
from rig import Rig

ACCEPTS_AGAIN_SECONDS = 60
WARM_UP_LETTERS = 40
END_SECONDS = 30            # for letters that are on their way


class Failed(AssertionError):
    """The program did not do what it promises."""


@dataclass
class Trial:
    rig: Rig
    faults: Faults
    long: bool                                          # the full form
    facts: dict[str, object] = field(default_factory=dict)   # for the report

    @property
    def state(self) -> Path:
        return self.rig.daemon.state

    @property
    def spool(self) -> Path:
        return self.state / "spool"

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def start(self) -> None:
        await self.rig.daemon.start()
        await self.rig.daemon.until_ready()

    async def kill(self) -> None:
        run = self.rig.daemon.run
        self.rig.ledger.killed(run, await self.rig.daemon.kill())

    @contextlib.asynccontextmanager
    async def under_load(self) -> AsyncIterator[None]:
        """Clients send while the block runs."""
        task = asyncio.create_task(self.rig.load.run())
        try:
            yield
            self.rig.load.stop()
            await asyncio.wait_for(task, END_SECONDS)
        finally:
            self.rig.load.stop()
            await asyncio.wait({task}, timeout=END_SECONDS)
            task.cancel()

    async def acknowledged(self, letters: int, seconds: float = 60) -> None:
        """So many more."""
        times = self.rig.load.acknowledged_at
        target = len(times) + letters
        await self.rig.world.pulse.until(lambda: len(times) >= target or None, seconds,
                                         f"{letters} more letters are acknowledged")

    async def refused(self, letters: int, seconds: float = 60) -> None:
        """So many more."""
        refusals = self.rig.load.refusals
        target = len(refusals) + letters
        await self.rig.world.pulse.until(lambda: len(refusals) >= target or None, seconds,
                                         f"{letters} more letters are refused")

    async def accepts_again(self, healed: float) -> None:
        await self.acknowledged(1, ACCEPTS_AGAIN_SECONDS)
        took = next(at for at in self.rig.load.acknowledged_at if at >= healed) - healed
        self.facts["accepted again after"] = f"{took:.1f} s"

    def refusals_since(self, since: float) -> list[Refusal]:
        return [refusal for refusal in self.rig.load.refusals if refusal.at >= since]

    def check_refusals(self, allowed: tuple[str, ...], since: float = 0.0) -> None:
        """Each begins with one of these."""
        others = [refusal.reply for refusal in self.refusals_since(since) if not refusal.reply.startswith(allowed)]
        check(not others, f"clients were refused by other words than {allowed}: {others[:3]}")

    async def drain(self, seconds: float = 90) -> None:
        await self.rig.drain(seconds)


@dataclass(frozen=True)
class Case:
    name: str
    play: Callable[[Trial], Awaitable[None]]
    expected: str                       # of lines of level error
    settings: Settings = field(default_factory=dict)
    backlog: int = 100_000              # recipients that clients let wait
    small_disk: Optional[int] = None    # MiB of a file system of its own
    long_only: bool = False


def check(holds: bool, words: str) -> None:
    if not holds:
        raise Failed(words)
