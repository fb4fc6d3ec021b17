"""One case as it runs: the program with its listeners, the sink behind it, and what a case asks of both."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import ssl
from pathlib import Path
from typing import Any, Awaitable, Iterable, Iterator, Mapping, Optional

import certificates
from case import Case, Failed, check
from client import Client
from program import Program, configuration
from pulse import Late, Pulse
from sink import Message, Sink

ARRIVAL_SECONDS = 20
DRAIN_SECONDS = 40
PORTS = itertools.count(2500)       # each listener of each case has its own


class Trial:
    def __init__(self, case: Case, program: Path, directory: Path) -> None:
        directory.mkdir()
        self.case = case
        self.directory = directory
        self.facts: dict[str, object] = {}              # for the report
        self.pulse = Pulse()
        self.sink = Sink(self.pulse, case.extensions)
        self.users_file = directory / "users"
        self.ports = {name: next(PORTS) for name in case.listeners}
        self._path = program
        self._program: Optional[Program] = None
        self._made: dict[str, certificates.Pair] = {}
        self._names = itertools.count(1)

    @property
    def program(self) -> Program:
        assert self._program is not None
        return self._program

    async def start(self) -> None:
        await self.sink.start()
        listeners = [{"address": f"127.0.0.1:{self.ports[name]}", **self._filled(settings)}
                     for name, settings in self.case.listeners.items()]
        settings = {name: {key: self._folder(value) for key, value in table.items()}
                    for name, table in self.case.settings.items()}
        if self.case.users:
            self.write_users(self.case.users)
            settings.setdefault("auth", {})["users_file"] = self.users_file
        text = configuration(self.directory, self.sink.port, listeners, settings, self.case.rules)
        self._program = Program(self._path, self.directory, self.pulse, text)
        self._program.expected = re.compile(self.case.expected)
        await self._program.start()

    async def stop(self) -> list[str]:
        """What was wrong, if not for a case then for all: the log, the exit status, what the sink got."""
        problems: list[str] = []
        if self._program is not None:
            status = await self._program.stop()
            problems += [f"the log says: {line}" for line in self._program.troubles]
            if status != 0:
                problems.append(f"fulmar ended with status {status}")
        await self.sink.stop()
        return problems + self.sink.faults[:5]

    def _folder(self, value: Any) -> Any:
        """A folder of its own for a name in angle brackets, anything else as it is."""
        if not str(value).startswith("<"):
            return value
        folder = self.directory / str(value).strip("<>")
        folder.mkdir(exist_ok=True)
        return folder

    def _filled(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """With a certificate where there is TLS, and files for names in angle brackets."""
        filled = dict(settings)
        if filled.get("tls", "none") != "none":
            shown = self.pair("server")
            filled |= {"certificate": shown.certificate, "private_key": shown.key}
        if str(filled.get("client_ca", "")).startswith("<"):
            filled["client_ca"] = self.pair(filled["client_ca"].strip("<>")).certificate
        return filled

    def pair(self, name: str) -> certificates.Pair:
        """A self-signed certificate, made when it is first asked for."""
        if name not in self._made:
            self._made[name] = certificates.self_signed(self.directory, name)
        return self._made[name]

    def write_users(self, users: Mapping[str, str]) -> None:
        self.write_users_file("".join(f"{name}:{certificates.password_hash(password)}\n"
                                      for name, password in users.items()))

    def write_users_file(self, lines: str) -> None:
        self.users_file.unlink(missing_ok=True)
        self.users_file.touch(mode=0o600)
        self.users_file.write_text(lines)

    def name(self, stem: str = "sender") -> str:
        """An address that no other message of this case has."""
        return f"{stem}-{next(self._names)}@origin.example"

    async def client(self, listener: str = "relay", *, source: str = "127.0.0.1",
                     tls: Optional[ssl.SSLContext] = None, hello: bool = True) -> Client:
        """Greeted, past EHLO, and with `tls` under TLS, however the listener does that."""
        kind = self.case.listeners[listener].get("tls", "none")
        implicit = tls if kind == "implicit" else None
        client = await Client.connect(self.ports[listener], source=source, tls=implicit)
        if hello:
            await client.hello()
        if tls is not None and implicit is None:
            await client.start_tls(tls)
            if hello:
                await client.hello()
        return client

    async def arrived(self, sender: str, count: int = 1) -> Message:
        """The message of this sender, once the sink has it."""
        def found() -> Optional[list[Message]]:
            messages = self.sink.from_sender(sender)
            return messages if len(messages) >= count else None
        try:
            messages = await self.pulse.until(found, ARRIVAL_SECONDS, f"message {count} of <{sender}> at the sink")
        except Late as late:
            raise Failed(str(late)) from late
        check(len(messages) == count, f"{len(messages)} messages of <{sender}> at the sink, wanted {count}")
        return messages[-1]

    async def drained(self) -> None:
        """Until nothing is in the spool, so that nothing more can come: asked again and again."""
        queued = -1
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while queued != 0:
                    queued = await self.program.queued()
        except TimeoutError as error:
            raise Failed(f"{queued} messages still in the spool after {DRAIN_SECONDS} s") from error

    async def hang_up(self, *patterns: str) -> None:
        """SIGHUP, until the log tells of all these."""
        since = len(self.program.lines)
        self.program.signal(signal.SIGHUP)
        for pattern in patterns:
            await self._reloaded(pattern, since)

    async def _reloaded(self, pattern: str, since: int) -> None:
        try:
            await self.program.said(pattern, ARRIVAL_SECONDS, since)
        except Late as late:
            raise Failed(str(late)) from late


async def at_once(limit: int, works: Iterable[Awaitable[None]]) -> None:
    """Does all of them, `limit` at a time. The first that fails ends the others."""
    waiting = iter(works)

    async def worker() -> None:
        for work in waiting:
            await work
    workers = [asyncio.ensure_future(worker()) for _ in range(limit)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def text(subject: str, *lines: str) -> bytes:
    """A small message with all the fields that one should have."""
    fields = ["From: <author@origin.example>", "To: <reader@target.example>", f"Subject: {subject}",
              "Date: Mon, 2 Nov 2026 10:00:00 +0000", f"Message-ID: <{subject.replace(' ', '.')}@origin.example>"]
    return "\r\n".join([*fields, "", *(lines or ("Hello.",)), ""]).encode()


def long_text(octets: int) -> bytes:
    """About so many octets, all lines different, some with dots in front."""
    def body() -> Iterator[bytes]:
        for number in itertools.count():
            yield b"%s%010d %s\r\n" % (b"." * (number % 7 == 0), number, b"x" * 60)
    head = text("a long one")
    line = sum(len(one) for one in itertools.islice(body(), 70)) / 70
    return head + b"".join(itertools.islice(body(), int(octets / line)))
