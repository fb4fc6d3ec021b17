"""The sending side: clients that hand over letters by plain SMTP, and note which of them were acknowledged.

A letter is tried once. When the connection ends first, nobody knows whether it was taken, and the next one is another.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Optional

from daemon import Daemon
from ledger import Ledger
from letters import LetterMaker, sender_of
from moments import Bell, Event

CLIENTS = 16
LETTERS_PER_SESSION = 12
BACKLOG = 400               # recipients; more wait, so that the end is not spent on draining
HALF_FROM = 64 * 1024       # content from this size on is sent in two halves
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.05        # of a client that was turned away


@dataclass(frozen=True)
class Refusal:
    at: float
    reply: str              # its last line


class Load:
    def __init__(self, daemon: Daemon, ledger: Ledger, bell: Bell, chance: random.Random,
                 backlog: int = BACKLOG) -> None:
        self.refusals: list[Refusal] = []   # one for each letter that got another reply than 250
        self.acknowledged_at: list[float] = []
        self.slowest = 0.0          # the longest that a client waited for a reply,
        self.slowest_large = 0.0    # and for that to a final dot behind large content
        self._daemon = daemon
        self._ledger = ledger
        self._bell = bell
        self._letters = LetterMaker(chance)
        self._chance = chance
        self._backlog = backlog
        self._stopping = False

    async def run(self) -> None:
        """Until stop(). May be called again after that."""
        self._stopping = False
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._client())

    def stop(self) -> None:
        """Letters that are on their way are finished."""
        self._stopping = True
        self._bell.pulse.beat()

    async def _client(self) -> None:
        while await self._may_go_on():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._session()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass        # that was a kill

    async def _may_go_on(self) -> bool:
        """Waits until the relay is there and has not too much to do."""
        await self._bell.pulse.until(
            lambda: self._stopping or (self._daemon.ready and self._ledger.backlog < self._backlog) or None,
            PATIENCE_SECONDS, f"the relay takes letters again, backlog {self._ledger.backlog}")
        return not self._stopping

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._daemon.port)
        client = _Client(reader, writer)
        try:
            if not await client.expect(b"2"):
                self._refused(client)
                return
            await client.ask(b"EHLO client.test", b"2")
            for _ in range(self._chance.randint(1, LETTERS_PER_SESSION)):
                if self._stopping or self._ledger.backlog >= self._backlog or not await self._send(client):
                    break
            await client.ask(b"QUIT", b"2")
        finally:
            writer.close()
        if client.refused:
            await self._bell.pulse.let_pass(PAUSE_SECONDS)

    async def _send(self, client: _Client) -> bool:
        letter, wire = self._letters.next()
        self._ledger.will_send(letter)
        taken = await client.ask(b"MAIL FROM:<%s>" % sender_of(letter.number).encode(), b"2")
        for recipient in letter.recipients:
            taken = taken and await client.ask(b"RCPT TO:<%s>" % recipient.encode(), b"2")
        taken = taken and await client.ask(b"DATA", b"3") and await self._content(client, wire)
        if taken:
            self._ledger.acknowledged(letter.number)
            self.acknowledged_at.append(asyncio.get_running_loop().time())
            self._bell.ring(Event.ACKNOWLEDGED)
        else:
            self._refused(client)
        return taken

    def _refused(self, client: _Client) -> None:
        client.refused = True
        self.refusals.append(Refusal(asyncio.get_running_loop().time(), client.last))
        self._bell.pulse.beat()

    async def _content(self, client: _Client, wire: bytes) -> bool:
        middle = len(wire) // 2 if len(wire) >= HALF_FROM else 0
        if middle:
            await client.write(wire[:middle])
            self._bell.ring(Event.HALF_SENT)
        await client.write(wire[middle:])
        self._bell.ring(Event.DOT_SENT)
        taken = await client.expect(b"2")
        if middle:
            self.slowest_large = max(self.slowest_large, client.waited)
        else:
            self.slowest = max(self.slowest, client.waited)
        return taken


class _Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.last = ""              # line of a reply
        self.waited = 0.0           # for it
        self.refused = False
        self._reader = reader
        self._writer = writer

    async def ask(self, command: bytes, wanted: bytes) -> bool:
        await self.write(command + b"\r\n")
        return await self.expect(wanted)

    async def write(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def expect(self, wanted: bytes) -> bool:
        """Is the reply of this class?"""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        line: Optional[bytes] = None
        while line is None or line[3:4] == b"-":
            line = await self._reader.readuntil(b"\r\n")
        self.last = line.decode("ascii", "replace").rstrip()
        self.waited = loop.time() - asked
        return line.startswith(wanted)
