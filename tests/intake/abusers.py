"""A crowd of clients that mean no good, in one process; started by abuse.py, ended by the end of its standard input.

usage: abusers.py CLIENTS SHARE KINDS PORTS. SHARE is how much of one processor it may take from when it is ready on:
its own work is not to be mistaken for the program's. KINDS are names from below, PORTS a JSON object from listener to
port. Prints "ready" when each client is connected, and at its end a JSON object that says what it did.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import random
import ssl
import sys
import time
from collections import Counter
from typing import Awaitable, Callable, Optional

import certificates
from network import crowd_address, raise_descriptors

PAUSE_SECONDS = 0.02
DRIP_SECONDS = 0.5
PIECE = 16 << 10
HELLO = b"EHLO abuser.test\r\n"


class Visit:
    """One connection of one abuser."""

    def __init__(self, crowd: Crowd, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.crowd = crowd
        self.number = number
        self.reader = reader
        self.writer = writer

    async def send(self, octets: bytes) -> None:
        await self.crowd.turn()
        self.crowd.settled(self.number)
        self.writer.write(octets)
        self.crowd.done["octets sent"] += len(octets)
        await self.writer.drain()

    async def hear_out(self) -> None:
        """Until the other side closes."""
        self.crowd.settled(self.number)
        while await self.reader.read(65536):
            pass

    async def line(self) -> bytes:
        """The last line of a reply."""
        line = await self.reader.readuntil(b"\r\n")
        while line[3:4] == b"-":
            line = await self.reader.readuntil(b"\r\n")
        return line

    async def ask(self, command: bytes) -> bytes:
        await self.send(command)
        return await self.line()


# --- what they do; each until it is thrown out, or for ever

async def stall(visit: Visit) -> None:
    await visit.hear_out()


async def garbage(visit: Visit) -> None:
    while True:
        await visit.send(random.randbytes(random.randint(100, 2_000)))
        await visit.reader.read(1)


async def oversize(visit: Visit) -> None:
    await visit.line()
    while (await visit.ask(b"MAIL FROM:<" + b"x" * 5_000 + b"@a.example>\r\n"))[:3] != b"421":
        pass


async def endless(visit: Visit) -> None:
    while True:
        await visit.send(b"x" * PIECE)


async def half_closed(visit: Visit) -> None:
    await visit.send(HELLO)
    visit.writer.write_eof()
    await visit.hear_out()


async def drip(visit: Visit) -> None:
    await visit.line()
    for octet in itertools.cycle(b"EHLO a-very-slow-client.test "):
        await visit.send(bytes([octet]))
        await asyncio.sleep(DRIP_SECONDS)


async def reset(visit: Visit) -> None:
    await visit.send(HELLO)
    visit.writer.transport.abort()


async def deaf(visit: Visit) -> None:
    """Asks and asks, and reads no answer."""
    visit.reader._transport.pause_reading()     # type: ignore[attr-defined]  # pylint: disable=protected-access
    while True:
        await visit.send(b"EHLO a.test\r\nNOOP\r\nHELP\r\n" * 100)


async def errors(visit: Visit) -> None:
    await visit.line()
    await visit.ask(HELLO)
    await visit.send(b"RCPT TO:<a@b.example>\r\n" * 100)
    await visit.hear_out()


async def body_stall(visit: Visit) -> None:
    """Holds a message open for ever."""
    await visit.line()
    for command in (HELLO, b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n"):
        await visit.ask(command)
    await visit.send(b"Subject: never ends\r\n\r\n")
    await visit.hear_out()


async def body_endless(visit: Visit) -> None:
    """One line that becomes a body."""
    await visit.line()
    for command in (HELLO, b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<c@d.example>\r\n", b"DATA\r\n"):
        await visit.ask(command)
    while True:
        await visit.send(b"y" * PIECE)


async def tls_garbage(visit: Visit) -> None:
    await visit.send(b"\x16\x03\x01" + random.randbytes(300))
    await visit.hear_out()


async def tls_hello(visit: Visit) -> None:
    """A true beginning of a handshake, at no cost to us: the answer is work for the server."""
    await visit.send(visit.crowd.client_hello)
    await visit.hear_out()


async def starttls_garbage(visit: Visit) -> None:
    await visit.line()
    await visit.ask(HELLO)
    await visit.ask(b"STARTTLS\r\n")
    await visit.send(random.randbytes(300))
    await visit.hear_out()


async def guess(visit: Visit) -> None:
    """Passwords, until it is thrown out; comes back for more."""
    await visit.writer.start_tls(visit.crowd.context)
    await visit.line()
    await visit.ask(HELLO)
    while True:
        word = base64.b64encode(b"\0shop\0guess %d" % random.randrange(1 << 30))
        code = (await visit.ask(b"AUTH PLAIN " + word + b"\r\n"))[:3].decode()
        visit.crowd.done[f"guesses answered {code}"] += 1
        if code == "454":
            await asyncio.sleep(DRIP_SECONDS)


Kind = Callable[[Visit], Awaitable[None]]
KINDS: dict[str, tuple[str, Kind]] = {     # at which listener
    "stall": ("starttls", stall), "garbage": ("starttls", garbage), "oversize": ("starttls", oversize),
    "endless": ("starttls", endless), "half_closed": ("starttls", half_closed), "drip": ("starttls", drip),
    "reset": ("starttls", reset), "deaf": ("starttls", deaf), "errors": ("starttls", errors),
    "body_stall": ("starttls", body_stall), "body_endless": ("starttls", body_endless),
    "tls_stall": ("implicit", stall), "tls_garbage": ("implicit", tls_garbage), "tls_hello": ("implicit", tls_hello),
    "starttls_garbage": ("starttls", starttls_garbage), "guess": ("implicit", guess),
}


class Crowd:
    def __init__(self, clients: int, share: float, kinds: list[str], ports: dict[str, int]) -> None:
        self.done: Counter[str] = Counter()
        self.context = certificates.client_context()
        self.client_hello = _client_hello(self.context)
        self._clients = clients
        self._share = share
        self._kinds = kinds
        self._ports = ports
        self._line = asyncio.Lock()
        self._settled: set[int] = set()
        self._all_there = asyncio.Event()
        self._ready_at: Optional[tuple[float, float]] = None      # processor, wall

    async def turn(self) -> None:
        """Waits until this process has taken no more than its share."""
        async with self._line:      # one looks at the clock, not a thousand
            while self._over_budget():
                await asyncio.sleep(PAUSE_SECONDS)
        self.done["actions"] += 1

    def settled(self, number: int) -> None:
        """This client is where it begins with what it does."""
        self._settled.add(number)
        if len(self._settled) == self._clients:
            self._all_there.set()

    def _over_budget(self) -> bool:
        if self._ready_at is None:
            return False
        used, passed = time.process_time() - self._ready_at[0], time.monotonic() - self._ready_at[1]
        return used > self._share * passed

    async def run(self) -> None:
        clients = [asyncio.create_task(self._client(number)) for number in range(self._clients)]
        await self._all_there.wait()
        self._ready_at = (time.process_time(), time.monotonic())
        print("ready", flush=True)
        await _end_of_input()
        used, passed = time.process_time() - self._ready_at[0], time.monotonic() - self._ready_at[1]
        self.done["percent of one processor"] = round(100 * used / passed)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        print(json.dumps(self.done), flush=True)

    async def _client(self, number: int) -> None:
        listener, kind = KINDS[self._kinds[number % len(self._kinds)]]
        while True:
            await self.turn()
            try:
                await self._visit(number, self._ports[listener], kind)
            except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
                self.done["thrown out"] += 1

    async def _visit(self, number: int, port: int, kind: Kind) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE,
                                                       local_addr=(crowd_address(number), 0))
        self.done["connections"] += 1
        try:
            await kind(Visit(self, number, reader, writer))
        finally:
            writer.transport.abort()


def _client_hello(context: ssl.SSLContext) -> bytes:
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


async def _end_of_input() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or ended.set())
    await ended.wait()


if __name__ == "__main__":
    raise_descriptors()
    asyncio.run(Crowd(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3].split(","), json.loads(sys.argv[4])).run())
