"""Waiting: how the lab waits for something to become true, without ever sleeping.

Everything that happens (a log line, an SMTP command, an HTTPS request, a DNS query) beats one Pulse; whoever waits
looks again after a beat, and gives up at a deadline with a sentence that says what was awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Callable, Optional, TypeVar

T = TypeVar("T")


class Late(Exception):
    """Something awaited did not happen in time."""


class Pulse:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Lets every waiter look again."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def until(self, condition: Callable[[], Optional[T]], seconds: float, what: str) -> T:
        """The first true value of `condition`, looked at after each beat."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not (value := condition()):
            left = deadline - loop.time()
            if left <= 0:
                raise Late(f"not within {seconds:g} s: {what}")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._event.wait(), left)
        return value

    async def never(self, condition: Callable[[], Optional[T]], seconds: float, what: str) -> None:
        """Holds only if `condition` stays false for so long."""
        try:
            await self.until(condition, seconds, what)
        except Late:
            return
        raise AssertionError(f"happened, and should not have: {what}")

    async def let_pass(self, seconds: float) -> None:
        """For the rare case where time itself is awaited: a DNS record's life in somebody's cache."""
        await self.never(lambda: None, seconds, "nothing can happen here")
