"""Twenty clients that send mail all the time, and what came of it in some seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import process_facts
from client import Client, stuffed
from trial import Trial, text

HONEST = 20
PATIENCE_SECONDS = 30
CONTENT = stuffed(text("honest", *("a line of an honest message" for _ in range(3))))


@dataclass
class Phase:
    """What happened in some seconds."""

    messages: int
    seconds: float
    program: float          # processor seconds of it
    clients: float          # and of this process
    slowest: float          # seconds from MAIL to 250

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    def __str__(self) -> str:
        return (f"{self.rate:.0f} messages/s, slowest {1000 * self.slowest:.0f} ms; processors: program "
                f"{self.program / self.seconds:.2f}, honest clients and sink {self.clients / self.seconds:.2f}")


def together(phases: list[Phase]) -> Phase:
    return Phase(sum(each.messages for each in phases), sum(each.seconds for each in phases),
                 sum(each.program for each in phases), sum(each.clients for each in phases),
                 max(each.slowest for each in phases))


class HonestLoad:
    """Clients that send one message after the other, each over a connection of its own."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._taken = 0
        self._slowest = 0.0
        self._stopping = False
        self._clients: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> HonestLoad:
        self._clients = [asyncio.create_task(self._client()) for _ in range(HONEST)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.wait_for(asyncio.gather(*self._clients), PATIENCE_SECONDS)

    async def measure(self, seconds: float) -> Phase:
        pid = self._trial.program.pid
        taken, begin, self._slowest = self._taken, time.monotonic(), 0.0
        program, clients = process_facts.processor_seconds(pid), time.process_time()
        await self._trial.pulse.let_pass(seconds)
        for client in self._clients:
            if client.done():
                client.result()         # it failed
        return Phase(self._taken - taken, time.monotonic() - begin, process_facts.processor_seconds(pid) - program,
                     time.process_time() - clients, self._slowest)

    @property
    def taken(self) -> int:
        return self._taken

    async def _client(self) -> None:
        async with await self._trial.client() as client:
            while not self._stopping:
                await self._send(client)
            await client.quit()

    async def _send(self, client: Client) -> None:
        sender = self._trial.name("honest")
        begin = time.monotonic()
        await client.write(f"MAIL FROM:<{sender}>\r\nRCPT TO:<reader@target.example>\r\nDATA\r\n")
        for wanted in ("250", "250", "354"):
            await client.expect(wanted)
        await client.write(CONTENT)
        await client.expect("250 2.0.0")
        self._taken += 1
        self._slowest = max(self._slowest, time.monotonic() - begin)
