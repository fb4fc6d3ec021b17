"""When to kill: moments spread over start-up, intake, commits, deliveries and bounces.

Most moments are tied to something the harness saw happen, plus a few milliseconds in which the program goes on: so many
kills land where it writes, whatever the speed of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
from collections import Counter
from typing import Optional

from daemon import Daemon
from pulse import Late, Pulse

FEW_MILLISECONDS = 0.015
FIRST_GUESS_AT_START_SECONDS = 0.3
EVENTS_AT_MOST = 40


class Event(enum.Enum):
    """What happens under load."""

    DOT_SENT = "client sent a final dot"
    ACKNOWLEDGED = "client saw 250"
    HALF_SENT = "client sent half of a large message"
    REFUSED = "mail host said 5yz or 4yz to a recipient"
    DOT_SEEN = "mail host saw a final dot"
    REPLIED = "mail host answered it"
    NOTICE_SEEN = "mail host took a notice"


class Bell:
    """Rings when an Event happens."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.counts: Counter[Event] = Counter()

    def ring(self, event: Event) -> None:
        self.counts[event] += 1
        self.pulse.beat()


class Moments:
    def __init__(self, chance: random.Random, bell: Bell, between: tuple[float, float]) -> None:
        self._chance = chance
        self._bell = bell
        self._between = between
        self._start_seconds = FIRST_GUESS_AT_START_SECONDS
        self.counts: Counter[str] = Counter()

    async def wait(self, daemon: Daemon) -> None:
        """Until the next kill is due, from the start of the program on."""
        # A third while it starts; the rest any time under load, or close to an event.
        choice = self._chance.choices(["start", "any time", *Event], [6, 3, *([1.5] * len(Event))])[0]
        if choice == "start":
            await self._during_start(daemon)
            return
        self._start_seconds = await daemon.until_ready()
        if isinstance(choice, Event):
            await self._after(choice)
        else:
            await asyncio.sleep(self._chance.uniform(*self._between))
        self.counts[choice.value if isinstance(choice, Event) else choice] += 1

    async def _during_start(self, daemon: Daemon) -> None:
        """Some of these come a little later than that."""
        await asyncio.sleep(self._chance.uniform(0, 1.1 * self._start_seconds))
        self.counts["before it was ready" if not daemon.ready else "just after it was ready"] += 1

    async def _after(self, event: Event) -> None:
        """A few of these events later; not waiting for long where they are rare."""
        target = self._bell.counts[event] + self._chance.randint(1, EVENTS_AT_MOST)
        with contextlib.suppress(Late):
            await self._bell.pulse.until(lambda: self._bell.counts[event] >= target or None, self._between[1],
                                         event.value)
        pause: Optional[float] = self._chance.choice([None, self._chance.uniform(0, FEW_MILLISECONDS)])
        if pause is not None:
            await asyncio.sleep(pause)
