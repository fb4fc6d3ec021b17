"""A mail host that behaves as its Smtp says, defects included, and remembers all it was told."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import re
import socket
import ssl
import warnings
from dataclasses import dataclass, field
from typing import Optional

from client_hello import offered_groups
from pulse import Pulse
from sites import BREAK_OFF, HANG_UP, STALL, Replies, Smtp, StartTls

IDLE_SECONDS = 120
READ_LIMIT = 1 << 22
FEW = 3               # groups in a ClientHello, for a host that takes no more
KEPT = "kept-in-queue"  # local parts that begin so are told to come again, for ever, by every host


@dataclass
class Received:
    """One message, up to the final dot."""

    sender: str
    recipients: list[str]
    content: bytes
    tls: bool
    accepted: bool
    parameters: tuple[str, ...] = ()     # of MAIL
    user: Optional[str] = None           # who was logged in
    chunks: tuple[int, ...] = ()         # octets of each, where it came by BDAT


@dataclass
class Visit:
    """One connection: every line the client sent, with TLS or without; of a login the mechanism only."""

    lines: list[tuple[bool, str]] = field(default_factory=list)
    sni: Optional[str] = None
    tls_version: Optional[str] = None
    user: Optional[str] = None           # who logged in
    groups: Optional[int] = None         # how many its ClientHello offered, where the host looks

    def said(self, verb: str) -> bool:
        return self.count(verb) > 0

    def count(self, verb: str) -> int:
        return sum(line.upper().startswith(verb) for _, line in self.lines)

    def ehlo_count(self) -> int:
        return self.count("EHLO")

    def recipients(self) -> list[str]:
        """Of all its messages, refused ones included."""
        return [_path(line) for _, line in self.lines if line.upper().startswith("RCPT")]


class _Gone(Exception):
    """The connection ends here."""


class _Answers:
    """Hands out the replies of one Replies in order."""

    def __init__(self, replies: Replies) -> None:
        self._first = list(replies.first)
        self._then = replies.then

    def next(self, usual: str) -> str:
        if self._first:
            return self._first.pop(0)
        return self._then or usual


class SmtpHost:
    def __init__(self, name: str, address: str, behaviour: Smtp, context: ssl.SSLContext, pulse: Pulse) -> None:
        self.name = name
        self.address = address
        self.visits: list[Visit] = []
        self.received: list[Received] = []
        self._pulse = pulse
        self._server: Optional[asyncio.AbstractServer] = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._open: set[_Session] = set()
        self.present(context)
        self.behave(behaviour)

    def present(self, context: ssl.SSLContext) -> None:
        """From now on presents the certificate of `context`."""
        self._context = context
        context.sni_callback = _remember_sni

    def behave(self, behaviour: Smtp) -> None:
        """From now on behaves so."""
        self._behaviour = behaviour
        self._greeting = _Answers(behaviour.greeting)
        self._mail = _Answers(behaviour.mail)
        self._rcpt = _Answers(behaviour.rcpt)
        self._rcpt_for = {part: _Answers(replies) for part, replies in behaviour.rcpt_for.items()}
        self._data = _Answers(behaviour.data)
        self._final = _Answers(behaviour.final)
        self._chunk = _Answers(behaviour.chunk)
        if behaviour.starttls is StartTls.OLD_VERSION:
            _allow_old_versions_only(self._context)

    async def start(self) -> None:
        context = self._context if self._behaviour.implicit_tls else None
        self._server = await asyncio.start_server(self._serve, self.address, self._behaviour.port, limit=READ_LIMIT,
                                                  ssl=context)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._sessions):
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def refuse_connections(self) -> None:
        """From now on nothing listens here; connections that are there stay."""
        assert self._server is not None
        self._server.close()

    async def part(self, reply: str) -> None:
        """Says `reply`, which nobody asked for, to everyone who is connected, and closes."""
        for session in list(self._open):
            await session.part(reply)

    def accepted_for(self, recipient: str) -> list[Received]:
        return [message for message in self.received if message.accepted and recipient in message.recipients]

    def saw_mail(self) -> bool:
        """Was any envelope ever shown to this host, with TLS or without?"""
        return any(visit.said("MAIL") or visit.said("RCPT") or visit.said("DATA") for visit in self.visits)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        session = _Session(self, reader, writer)
        self._open.add(session)
        try:
            await session.run()
        except (_Gone, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(task)
            self._open.discard(session)
            with contextlib.suppress(Exception):
                writer.close()
            self._pulse.beat()


class _Session:
    def __init__(self, host: SmtpHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._tls = False
        self._sender = ""
        self._parameters: tuple[str, ...] = ()
        self._recipients: list[str] = []
        self._in_transaction = False
        self._chunks: list[bytes] = []
        self._chunk_refused = False
        self._held = b""                 # replies, by a host that holds them back
        self._messages = 0
        self._visit = Visit()
        host.visits.append(self._visit)
        host._pulse.beat()

    async def run(self) -> None:
        if self._host._behaviour.implicit_tls:
            self._note_tls()
        if len(self._host._open) > self._host._behaviour.at_once:
            await self._say("421 4.7.0 Too many connections from you")
            raise _Gone
        await self._say(self._host._greeting.next(f"220 {self._host.name} ESMTP"))
        while True:
            line = await self._read_line()
            mechanism, _, secret = line.partition(" ")[2].partition(" ")
            is_login = line.upper().startswith("AUTH ") and secret
            self._visit.lines.append((self._tls, f"AUTH {mechanism} …" if is_login else line))
            self._host._pulse.beat()
            await self._obey(line)

    async def part(self, reply: str) -> None:
        with contextlib.suppress(_Gone, ConnectionError):
            await self._say(reply)
        self._writer.close()

    async def _read_line(self) -> str:
        raw = await asyncio.wait_for(self._reader.readline(), IDLE_SECONDS)
        if not raw:
            raise _Gone
        return raw.decode("utf-8", "replace").rstrip("\r\n")

    async def _obey(self, line: str) -> None:
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            await self._say(*self._capabilities())
        elif verb == "HELO":
            await self._say(f"250 {self._host.name}")
        elif verb == "STARTTLS":
            await self._start_tls()
        elif verb == "AUTH":
            await self._log_in(line)
        elif verb == "MAIL":
            await self._mail(line)
        elif verb == "RCPT":
            await self._recipient(_path(line))
        elif verb == "DATA":
            await self._data()
        elif verb == "BDAT" and self._host._behaviour.knows_bdat:
            await self._bdat(line)
        elif verb == "RSET":
            self._end_transaction()
            await self._say("250 2.0.0 Ok")
            self._count_message()
        elif verb == "NOOP":
            await self._say("250 2.0.0 Ok")
        elif verb == "QUIT":
            await self._say("221 2.0.0 Bye")
            raise _Gone
        else:
            await self._say("502 5.5.1 Command not implemented")

    def _capabilities(self) -> list[str]:
        behaviour = self._host._behaviour
        lines = [self._host.name, *behaviour.extensions]
        if not self._tls:
            lines += behaviour.clear_extensions
        if not self._tls and behaviour.starttls not in (StartTls.ABSENT,):
            lines.append("STARTTLS")
        if self._tls and behaviour.requiretls:
            lines.append("REQUIRETLS")
        if self._tls and behaviour.login is not None:
            lines.append(" ".join(("AUTH", *behaviour.login.mechanisms)))
        return [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]

    async def _mail(self, line: str) -> None:
        parameters = tuple(line.partition(">")[2].split())
        if self._host._behaviour.login is not None and self._visit.user is None:
            await self._say("530 5.7.0 Authentication required")
            return
        if "REQUIRETLS" in parameters and not (self._tls and self._host._behaviour.requiretls):
            await self._say("555 5.5.4 Parameter not offered")
            return
        if self._in_transaction:
            await self._say("503 5.5.1 Nested MAIL: there was no RSET")
            return
        reply = self._host._mail.next("250 2.1.0 Ok")
        self._end_transaction()
        self._sender, self._parameters = _path(line), parameters
        self._in_transaction = reply.startswith("2")
        await self._say(reply)

    async def _log_in(self, line: str) -> None:
        login = self._host._behaviour.login
        mechanism, _, initial = line.partition(" ")[2].partition(" ")
        if login is None or not self._tls or mechanism.upper() not in login.mechanisms:
            await self._say("504 5.5.4 Not offered")
            return
        if self._visit.user is not None or self._in_transaction:
            await self._say("503 5.5.1 Not now")
            return
        if mechanism.upper() == "PLAIN":
            _, user, password = (_decoded(initial or await self._ask("")) + "\0\0").split("\0")[:3]
        else:
            user = _decoded(initial or await self._ask("Username:"))
            password = _decoded(await self._ask("Password:"))
        welcome = (user, password) == (login.user, login.password)
        reply = login.reply or ("235 2.7.0 Welcome" if welcome else "535 5.7.8 Wrong user or password")
        self._visit.user = user if reply.startswith("2") else None
        await self._say(reply)

    async def _ask(self, question: str) -> str:
        await self._say(f"334 {base64.b64encode(question.encode()).decode()}")
        return await self._read_line()

    async def _recipient(self, address: str) -> None:
        if not self._in_transaction:
            await self._say("503 5.5.1 MAIL first")
            return
        if len(self._recipients) >= self._host._behaviour.recipients:
            await self._say("452 4.5.3 Too many recipients")
            return
        local = address.rpartition("@")[0]
        if local.startswith(KEPT):
            await self._say("450 4.2.0 Come again")
            return
        special = next((answers for part, answers in self._host._rcpt_for.items() if part in local), None)
        reply = (special or self._host._rcpt).next("250 2.1.5 Ok")
        if reply.startswith("2"):
            self._recipients.append(address)
        await self._say(reply)

    def _end_transaction(self) -> None:
        self._recipients, self._in_transaction = [], False
        self._chunks, self._chunk_refused = [], False

    async def _data(self) -> None:
        if self._chunks or self._chunk_refused:
            await self._say("503 5.5.1 DATA amid BDAT")
            return
        if not self._recipients:
            await self._say("554 5.5.1 No valid recipients")
            return
        reply = self._host._data.next("354 Go ahead")
        await self._say("354 Go ahead" if reply == BREAK_OFF else reply)
        if reply == BREAK_OFF:
            await asyncio.wait_for(self._reader.readline(), IDLE_SECONDS)
            raise _Gone
        if not reply.startswith("354"):
            return
        lines = []
        while (raw := await asyncio.wait_for(self._reader.readline(), IDLE_SECONDS)) != b".\r\n":
            if not raw:
                return
            lines.append(raw[1:] if raw.startswith(b".") else raw)
        await self._finish(b"".join(lines))

    async def _bdat(self, line: str) -> None:
        """A chunk is read to its end whatever becomes of it, and held to the letter of RFC 3030."""
        if "CHUNKING" not in self._host._behaviour.extensions or not re.fullmatch(r"BDAT \d+( LAST)?", line):
            await self._say("421 5.5.4 That is no BDAT")
        last = line.endswith(" LAST")
        octets = await asyncio.wait_for(self._reader.readexactly(int(line.split(" ")[1])), IDLE_SECONDS)
        if not self._recipients:
            await self._say(self._host._behaviour.chunk_for_nobody)
            self._writer.write(self._held)
            self._held = b""
            return
        if self._chunk_refused:
            await self._say("503 5.5.1 A chunk was refused")
            return
        self._chunks.append(octets)
        if last:
            await self._finish(b"".join(self._chunks))
            return
        reply = self._host._chunk.next(f"250 2.0.0 {len(octets)} octets")
        self._chunk_refused = not reply.startswith("2")
        await self._say(reply)

    async def _finish(self, content: bytes) -> None:
        declared = next((word[5:] for word in self._parameters if word.startswith("SIZE=")), None)
        reply = self._host._final.next("250 2.0.0 Ok: stored")
        if self._chunks and declared not in (None, str(len(content))):
            reply = f"554 5.6.0 {len(content)} octets, {declared} declared"
        self._host.received.append(Received(self._sender, self._recipients, content, self._tls, reply.startswith("2"),
                                            self._parameters, self._visit.user,
                                            tuple(len(chunk) for chunk in self._chunks)))
        self._host._pulse.beat()
        self._end_transaction()
        await self._say(reply)
        if reply.startswith("2"):
            self._count_message()

    def _count_message(self) -> None:
        """Taken, or given up by RSET."""
        self._messages += 1
        if self._messages >= self._host._behaviour.messages:
            raise _Gone

    async def _start_tls(self) -> None:
        how = self._host._behaviour.starttls
        if self._tls or how in (StartTls.ABSENT, StartTls.REFUSED_502, StartTls.REFUSED_454):
            refusal = StartTls.REFUSED_454 if how is StartTls.REFUSED_454 else StartTls.REFUSED_502
            await self._say(refusal.value)
            return
        if how is StartTls.HANG_UP:
            raise _Gone
        if how is StartTls.FEW_GROUPS:
            self._writer.transport.pause_reading()
        if how is StartTls.INJECTED:
            self._writer.write(b"220 2.0.0 Ready\r\n250-planted\r\n250 SIZE 1\r\n")
        else:
            self._writer.write(b"220 2.0.0 Ready\r\n")
        if how in (StartTls.GARBAGE, StartTls.CLOSE):
            await self._spoil_handshake(how)
        if how is StartTls.FEW_GROUPS:
            await self._accept_few_groups()
        # Nothing may be awaited between the reply and start_tls: the ClientHello would be read as plaintext.
        await self._writer.start_tls(self._host._context, ssl_handshake_timeout=10)
        self._note_tls()

    async def _accept_few_groups(self) -> None:
        """Goes without a word when the ClientHello offers too many. It is looked at where it waits, and stays there."""
        loop = asyncio.get_running_loop()
        waiting = self._writer.get_extra_info("socket")
        give_up = loop.time() + IDLE_SECONDS
        with socket.socket(fileno=os.dup(waiting.fileno())) as peeking:
            while self._visit.groups is None and loop.time() < give_up:
                await self._host._pulse.let_pass(0.01)
                with contextlib.suppress(BlockingIOError):
                    groups = offered_groups(peeking.recv(READ_LIMIT, socket.MSG_PEEK))
                    self._visit.groups = len(groups) if groups is not None else None
        if self._visit.groups is None or self._visit.groups > FEW:
            raise _Gone

    def _note_tls(self) -> None:
        self._tls = True
        ssl_object = self._writer.get_extra_info("ssl_object")
        self._visit.sni = getattr(ssl_object, "lab_sni", None)
        self._visit.tls_version = ssl_object.version()

    async def _spoil_handshake(self, how: StartTls) -> None:
        await asyncio.wait_for(self._reader.read(1), IDLE_SECONDS)  # the ClientHello has begun
        if how is StartTls.GARBAGE:
            self._writer.write(b"This is not TLS, it never was.\r\n" * 4)
            await self._writer.drain()
        raise _Gone

    async def _say(self, *lines: str) -> None:
        if lines[0] == HANG_UP:
            raise _Gone
        if lines[0] == STALL:
            await asyncio.wait_for(self._reader.read(), IDLE_SECONDS)
            raise _Gone
        said = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
        if self._host._behaviour.holds_back and self._in_transaction:
            self._held += said
            return
        self._writer.write(self._held + said)
        self._held = b""
        await self._writer.drain()
        if lines[-1].startswith("421"):
            raise _Gone


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _remember_sni(ssl_object: ssl.SSLObject, name: Optional[str], _context: ssl.SSLContext) -> None:
    setattr(ssl_object, "lab_sni", name)


def _allow_old_versions_only(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
