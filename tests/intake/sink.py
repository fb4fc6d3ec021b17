"""The next hop: takes every message and keeps it octet by octet, with the envelope as it was given.

Recipients whose names begin with "refused" get 550. It is strict: only CRLF ends a line, only CRLF.CRLF the data, and
whatever has a CR or LF alone is noted.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from dataclasses import dataclass, field
from typing import Optional

from pulse import Pulse

BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
FINAL_DOT = b"\r\n.\r\n"
PIECE = 1 << 18
IDLE_SECONDS = 120
REFUSED = "refused"


@dataclass(frozen=True)
class Recipient:
    address: str
    parameters: tuple[str, ...] = ()


@dataclass
class Message:
    sender: str
    parameters: tuple[str, ...]         # of MAIL
    recipients: list[Recipient] = field(default_factory=list)
    content: bytes = b""                # without stuffed dots; empty when the sink keeps digests only
    size: int = 0
    digest: str = ""
    chunked: bool = False               # by BDAT

    @property
    def received(self) -> bytes:
        """The topmost field, which Fulmar added, unfolded."""
        return re.sub(rb"\r\n[ \t]+", b" ", self.content[:self._end_of_received()])

    @property
    def given(self) -> bytes:
        """What the client gave: all but the topmost field."""
        return self.content[self._end_of_received():]

    def _end_of_received(self) -> int:
        match = re.match(rb"Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", self.content)
        assert match is not None, f"no Received field on top: {self.content[:200]!r}"
        return match.end()

    @property
    def addresses(self) -> list[str]:
        return [recipient.address for recipient in self.recipients]


class Sink:
    def __init__(self, pulse: Pulse, extensions: tuple[str, ...]) -> None:
        self.messages: list[Message] = []
        self.faults: list[str] = []         # what no server should ever get
        self.keep = True                    # the content; else its digest only
        self.count = 0                      # of messages, kept or not
        self.extensions = extensions
        self.port = 0
        self._pulse = pulse
        self._server: Optional[asyncio.AbstractServer] = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def from_sender(self, sender: str) -> list[Message]:
        return [message for message in self.messages if message.sender == sender]

    def take(self, message: Message) -> None:
        self.count += 1
        if not self.keep:
            message.digest = hashlib.sha256(message.content).hexdigest()
            message.content = b""
        self.messages.append(message)
        self._pulse.beat()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await _Session(self, reader, writer).run()
        except (ConnectionError, EOFError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            self._sessions.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()


class _Input:
    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._pending = bytearray()

    async def until(self, mark: bytes) -> bytes:
        """Up to and with `mark`."""
        searched = 0
        while (at := self._pending.find(mark, searched)) < 0:
            searched = max(len(self._pending) - len(mark) + 1, 0)
            await self._more()
        return self._take(at + len(mark))

    async def exactly(self, count: int) -> bytes:
        while len(self._pending) < count:
            await self._more()
        return self._take(count)

    def put_back(self, octets: bytes) -> None:
        self._pending[:0] = octets

    async def _more(self) -> None:
        piece = await self._reader.read(PIECE)
        if not piece:
            raise EOFError
        self._pending += piece

    def _take(self, count: int) -> bytes:
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken


class _Session:
    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._input = _Input(reader)
        self._writer = writer
        self._message: Optional[Message] = None
        self._chunks = bytearray()

    async def run(self) -> None:
        await self._say("220 sink.test ESMTP")
        while True:
            raw = (await self._input.until(b"\r\n"))[:-2]
            self._judge(raw, "a command")
            line = raw.decode("utf-8", "surrogateescape")
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT":
                await self._say("221 2.0.0 Bye")
                return
            await self._obey(verb, line)

    async def _obey(self, verb: str, line: str) -> None:
        if verb == "EHLO":
            words = ["sink.test", "PIPELINING", *self._sink.extensions, "ENHANCEDSTATUSCODES"]
            await self._say("\r\n".join(f"250{' ' if word is words[-1] else '-'}{word}" for word in words))
        elif verb == "MAIL":
            path, parameters = _path(line)
            self._message = Message(path, parameters)
            self._chunks.clear()
            await self._say("250 2.1.0 Ok")
        elif verb == "RCPT" and self._message is not None:
            await self._recipient(self._message, line)
        elif verb == "DATA" and self._message is not None and self._message.recipients:
            await self._data(self._message)
        elif verb == "BDAT" and self._message is not None:
            await self._chunk(self._message, line)
        elif verb == "DATA":
            await self._say("554 5.5.1 No valid recipients")
        else:
            if verb == "RSET":
                self._message = None
            await self._say("250 2.0.0 Ok")

    async def _recipient(self, message: Message, line: str) -> None:
        address, parameters = _path(line)
        if address.startswith(REFUSED):
            await self._say("550 5.1.1 No such user")
            return
        message.recipients.append(Recipient(address, parameters))
        await self._say("250 2.1.5 Ok")

    async def _data(self, message: Message) -> None:
        await self._say("354 Go ahead")
        self._input.put_back(b"\r\n")       # so that a dot on the first line is one like any other
        wire = await self._input.until(FINAL_DOT)
        message.content = wire[:-3].replace(b"\r\n..", b"\r\n.")[2:]
        await self._finish(message)

    async def _chunk(self, message: Message, line: str) -> None:
        words = line.split()
        octets = await self._input.exactly(int(words[1]))
        if not message.recipients:
            await self._say("503 5.5.1 RCPT comes first")
            return
        message.chunked = True
        self._chunks += octets
        if words[2:] == ["LAST"]:
            message.content = bytes(self._chunks)
            await self._finish(message)
        else:
            await self._say("250 2.0.0 Ok")

    async def _finish(self, message: Message) -> None:
        self._judge(message.content, f"the message of <{message.sender}>")
        message.size = len(message.content)
        self._message = None
        self._sink.take(message)
        await self._say("250 2.0.0 Ok: kept")

    def _judge(self, octets: bytes, what: str) -> None:
        if found := BARE.search(octets):
            self._sink.faults.append(f"{what} has a bare CR or LF: {octets[max(found.start() - 30, 0):][:60]!r}")

    async def _say(self, reply: str) -> None:
        self._writer.write(reply.encode() + b"\r\n")
        await self._writer.drain()


def _path(line: str) -> tuple[str, tuple[str, ...]]:
    """The address and the parameters behind it."""
    head, _, rest = line.partition(">")
    return head.partition("<")[2], tuple(rest.split())
