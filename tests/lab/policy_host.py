"""An HTTPS host for MTA-STS policies: answers as its Policy says, and counts what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Optional

from pulse import Late, Pulse
from sites import Body, Policy

PATH = "/.well-known/mta-sts.txt"
HUGE_SIZE = 200_000


@dataclass(frozen=True)
class Request:
    line: str
    host: str
    sni: Optional[str]


def policy_text(policy: Policy, mx: tuple[str, ...]) -> str:
    """The body as served, with `mx` when the policy does not name its own."""
    if policy.text is not None:
        return policy.text
    names = policy.mx if policy.mx is not None else mx
    lines = ["version: STSv1", f"mode: {policy.mode}", *(f"mx: {name}" for name in names),
             f"max_age: {policy.max_age}"]
    return "".join(f"{line}\r\n" for line in lines)


class PolicyHost:
    def __init__(self, name: str, address: str, policy: Policy, text: str, context: ssl.SSLContext,
                 pulse: Pulse) -> None:
        self.name = name
        self.address = address
        self.policy = policy
        self.text = text                 # may be changed while running
        self.requests: list[Request] = []
        self.open = True                 # False: requests wait for release()
        self._pulse = pulse
        self._context = context
        context.sni_callback = _remember_sni
        self._server: Optional[asyncio.AbstractServer] = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, 443, ssl=self._context,
                                                  ssl_handshake_timeout=10)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def withdraw(self) -> None:
        """From now on says that the domain has no policy any more."""
        self.text = "version: STSv1\nmode: none\nmax_age: 86400\n"

    def release(self) -> None:
        """Answers the requests held back by `open = False`."""
        self.open = True
        self._pulse.beat()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1").split("\r\n")
        host = next((line.partition(":")[2].strip() for line in head if line.lower().startswith("host:")), "")
        sni = getattr(writer.get_extra_info("ssl_object"), "lab_sni", None)
        self.requests.append(Request(head[0], host, sni))
        self._pulse.beat()
        await self._pulse.until(lambda: self.open, 120, "the policy host is told to answer")
        known = head[0].startswith(f"GET {PATH} ")
        status = self.policy.status if known else 404
        body = self.text.encode() if known else b"no such page\n"
        if self.policy.body is Body.HUGE:
            body += b"x-padding: " + b"x" * HUGE_SIZE + b"\r\n"
        lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'No'}", f"Content-Type: {self.policy.content_type}",
                 f"Content-Length: {len(body)}", "Cache-Control: max-age=31536000", "Connection: close"]
        if self.policy.location is not None:
            lines.append(f"Location: {self.policy.location}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        if self.policy.body is Body.DRIP:
            await self._drip(writer, body)
        else:
            writer.write(body)
            await writer.drain()

    async def _drip(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        """One octet a second, until the client has had enough."""
        for octet in body:
            writer.write(bytes([octet]))
            await writer.drain()
            with contextlib.suppress(Late):
                await self._pulse.until(writer.is_closing, 1, "the client has had enough")
                return


def _remember_sni(ssl_object: ssl.SSLObject, name: Optional[str], _context: ssl.SSLContext) -> None:
    setattr(ssl_object, "lab_sni", name)
