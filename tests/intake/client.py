"""One SMTP client that says exactly what it is told to, octet by octet, and waits for each reply with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Optional, Union

from case import Failed, check
from network import unread_octets

PATIENCE_SECONDS = 20
READ_LIMIT = 1 << 20
END_OF_DATA = b"\r\n.\r\n"
Octets = Union[bytes, str]


def octets(text: Octets) -> bytes:
    return text.encode() if isinstance(text, str) else text


def stuffed(content: bytes) -> bytes:
    """The content as DATA carries it, with its end. REQUIRES: it ends in CRLF, or is empty."""
    wire = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if wire.startswith(b".") else b"") + wire + b".\r\n"


@dataclass(frozen=True)
class Reply:
    lines: tuple[str, ...]      # with their codes, without line ends

    @property
    def code(self) -> int:
        return int(self.lines[-1][:3])

    @property
    def keywords(self) -> dict[str, str]:
        """Of an answer to EHLO: each with what stands behind it."""
        words = [line[4:].partition(" ") for line in self.lines[1:]]
        return {name.upper(): rest for name, _, rest in words}

    def begins(self, *prefixes: str) -> bool:
        return self.lines[-1].replace("-", " ", 1).startswith(prefixes)

    def __str__(self) -> str:
        return " / ".join(self.lines)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = Reply(("",))
        self._server = writer.get_extra_info("peername")
        self._own = writer.get_extra_info("sockname")

    @staticmethod
    async def connect(port: int, *, source: str = "127.0.0.1", tls: Optional[ssl.SSLContext] = None,
                      first: bytes = b"", greeted: bool = True) -> Client:
        """`first` is sent in clear before anything else. Without `greeted`, the greeting is left to the caller."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0),
                                                           limit=READ_LIMIT)
            client = Client(reader, writer)
            if first:
                await client.write(first)
            if tls is not None:
                await writer.start_tls(tls)
        if greeted:
            client.greeting = await client.expect("220")
        return client

    # --- what is said

    async def write(self, text: Octets) -> None:
        self.writer.write(octets(text))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.writer.drain()

    async def write_pieces(self, *pieces: bytes) -> None:
        """Each as a segment of its own: the server has read one before the next is sent."""
        for piece in pieces:
            await self.write(piece)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while unread_octets(self._server[:2], self._own[:2]):
                    await asyncio.sleep(0)

    async def ask(self, command: Octets) -> Reply:
        await self.write(octets(command) + b"\r\n")
        return await self.reply()

    # --- what is heard

    async def reply(self) -> Reply:
        lines: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not lines or lines[-1][3:4] == "-":
                    raw = await self.reader.readuntil(b"\r\n")
                    lines.append(raw[:-2].decode("utf-8", "replace"))
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            raise Failed(f"the connection ended where a reply was due, after {lines}: {error}") from error
        except TimeoutError as error:
            raise Failed(f"no reply in {PATIENCE_SECONDS} s") from error
        check(re.match(r"[2-5]\d\d[ -]|[2-5]\d\d$", lines[-1]) is not None, f"no reply of SMTP: {lines}")
        return Reply(tuple(lines))

    async def expect(self, *prefixes: str) -> Reply:
        """The next reply, which must begin with one of these."""
        reply = await self.reply()
        check(reply.begins(*prefixes), f"wanted {' or '.join(prefixes)}, got: {reply}")
        return reply

    async def ask_for(self, command: Octets, *prefixes: str) -> Reply:
        reply = await self.ask(command)
        check(reply.begins(*prefixes), f"wanted {' or '.join(prefixes)} to {octets(command)[:80]!r}, got: {reply}")
        return reply

    async def rest(self) -> bytes:
        """All that still comes, until the server has closed; a reset counts as that."""
        heard = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while piece := await self.reader.read(65536):
                    heard += piece
        except (ConnectionError, ssl.SSLError):
            pass
        except TimeoutError as error:
            raise Failed(f"the server does not close; it said {heard!r}") from error
        return heard

    # --- dialogues

    async def hello(self, name: str = "client.test") -> Reply:
        return await self.ask_for(f"EHLO {name}", "250")

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self.ask_for("STARTTLS", "220")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.writer.start_tls(context)

    async def envelope(self, sender: str, *recipients: str, mail: str = "") -> None:
        """`mail`: parameters."""
        await self.ask_for(f"MAIL FROM:<{sender}>{' ' + mail if mail else ''}", "250")
        for recipient in recipients:
            await self.ask_for(f"RCPT TO:<{recipient}>", "250")

    async def data(self, content: bytes) -> Reply:
        """The reply to the end of data."""
        await self.ask_for("DATA", "354")
        await self.write(stuffed(content))
        return await self.reply()

    async def send(self, sender: str, recipient: str, content: bytes) -> Reply:
        """A whole message, which is taken."""
        await self.envelope(sender, recipient)
        reply = await self.data(content)
        check(reply.begins("250 2.0.0"), f"not taken: {reply}")
        return reply

    async def quit(self) -> None:
        await self.ask_for("QUIT", "221")
        check(await self.rest() == b"", "something came behind the reply to QUIT")
        self.close()

    def close(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.writer.close()

    def reset(self) -> None:
        """Ends with RST."""
        own: socket.socket = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
