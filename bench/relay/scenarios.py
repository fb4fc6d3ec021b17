"""What is measured: the work that each mail server gets."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    letter: str
    title: str
    messages: int
    size: int = 10_000
    clients: int = 20
    domains: int = 1
    tls: bool = False           # into the server and out of it
    sink_delay_ms: int = 0      # of each reply
    sink_chunking: bool = False    # it takes BDAT
    sink_comes_late: bool = False  # only when all mail was accepted
    sync_probe: bool = False    # one synced write is measured in the same run

    def scaled(self, factor: float) -> Scenario:
        return dataclasses.replace(self, messages=max(round(self.messages * factor), self.clients))


SCENARIOS = (
    Scenario("A", "10 KB, plain", 20_000),
    Scenario("B", "10 KB over STARTTLS, in and out", 20_000, tls=True),
    Scenario("C", "1 KB, plain", 20_000, size=1_000),
    Scenario("D", "1 MB, plain", 500, size=1_000_000),
    Scenario("E", "10 KB to 1000 domains", 20_000, domains=1_000),
    Scenario("F", "sink 100 ms away", 2_000, sink_delay_ms=100),
    Scenario("H", "sink 100 ms away that offers CHUNKING", 2_000, sink_delay_ms=100, sink_chunking=True),
    Scenario("G", "accepted while the sink is down, then drained", 50_000, sink_comes_late=True),
    Scenario("L", "one client, one message at a time", 1_000, clients=1, sync_probe=True),
)
