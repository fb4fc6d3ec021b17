"""A scenario: a sentence that is true of the relay, the sites it needs, and the check that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Awaitable, Callable, Optional

from relay import Rule, Settings
from sites import Site
from trial import Trial

Check = Callable[[Trial], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    title: str
    shows: str                             # ids of the requirements
    sites: tuple[Site, ...]                # the first is where the mail goes; none: the check names the domain
    check: Check
    settings: Optional[Settings] = None    # not None: a relay of its own, with these settings on top
    rules: tuple[Rule, ...] = ()           # [[destination]] entries; of the relay that many share, for these zones only
    seconds: float = field(default=90)
    not_compared: str = ""                 # why explain and delivery cannot be compared at the end; see agreement.py

    @property
    def own_relay(self) -> bool:
        return self.settings is not None
