"""The receiving side: mail hosts that note when each final dot came and when the reply was written."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Optional

from daemon import run_of
from ledger import Copy, Ledger
from letters import FINAL_DOT, SENDER_DOMAIN, Kind, digest_of, kind_of, number_of, read_notice, unstuffed
from moments import Bell, Event

READ_LIMIT = 1 << 23
IDLE_SECONDS = 120
SLOWEST_REPLY_SECONDS = 0.05
SLOW_REPLIES = 0.3          # so many final dots wait for their reply: time for a kill in between


class MailHost:
    def __init__(self, name: str, address: str, ledger: Ledger, bell: Bell, chance: random.Random) -> None:
        self.name = name
        self.ledger = ledger
        self.bell = bell
        self.put_off: set[str] = set()       # recipients that were told to come again
        self.chance = chance
        self._address = address
        self._server: Optional[asyncio.AbstractServer] = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._address, 25, limit=READ_LIMIT, backlog=1000)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._sessions:
            task.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    def puts_off(self, recipient: str) -> bool:
        """True once for each recipient."""
        if recipient in self.put_off:
            return False
        self.put_off.add(recipient)
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await _Session(self, reader, writer).run()
        # A client that is killed leaves in the middle of anything.
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, asyncio.TimeoutError):
            pass
        finally:
            self._sessions.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()


class _Session:
    def __init__(self, host: MailHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._run = run_of(writer.get_extra_info("peername")[0])
        self._sender = ""
        self._recipients: list[str] = []

    async def run(self) -> None:
        self._say(f"220 {self._host.name} ESMTP")
        while line := (await self._reader.readuntil(b"\r\n")).decode("ascii", "replace").rstrip():
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                self._say(f"250-{self._host.name}\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES")
            elif verb == "MAIL":
                self._sender, self._recipients = _path(line), []
                self._say("250 2.1.0 Ok")
            elif verb == "RCPT":
                self._recipient(_path(line))
            elif verb == "DATA" and self._recipients:
                await self._data()
            elif verb == "DATA":
                self._say("554 5.5.1 No valid recipients")
            elif verb == "QUIT":
                self._say("221 2.0.0 Bye")
                return
            else:
                self._say("250 2.0.0 Ok")

    def _recipient(self, recipient: str) -> None:
        kind = Kind.TAKEN if recipient.endswith("@" + SENDER_DOMAIN) else kind_of(recipient)
        if kind is Kind.REFUSED:
            self._say("550 5.1.1 No such user")
        elif kind is Kind.LATER and self._host.puts_off(recipient):
            self._say("450 4.2.0 Come again")
        else:
            self._recipients.append(recipient)
            self._say("250 2.1.5 Ok")
            return
        self._host.bell.ring(Event.REFUSED)

    async def _data(self) -> None:
        self._say("354 Go ahead")
        wire = await self._reader.readuntil(FINAL_DOT)
        copy = Copy(self._run, asyncio.get_running_loop().time())
        self._host.bell.ring(Event.DOT_SEEN)
        if any([kind_of(one) is Kind.LATER_AT_DOT and self._host.puts_off(one)
                for one in self._recipients if not one.endswith("@" + SENDER_DOMAIN)]):
            self._say("451 4.3.0 Come again")
            return
        self._take(copy, unstuffed(wire))
        if self._host.chance.random() < SLOW_REPLIES:
            await asyncio.sleep(self._host.chance.uniform(0, SLOWEST_REPLY_SECONDS))
        if self._say("250 2.0.0 Ok: stored"):
            copy.replied_at = asyncio.get_running_loop().time()
        self._host.bell.ring(Event.REPLIED)

    def _take(self, copy: Copy, content: bytes) -> None:
        number = number_of(self._sender)
        for recipient in self._recipients:
            if self._sender:
                self._host.ledger.arrived(copy, number if number is not None else -1, recipient, digest_of(content))
            else:
                about = number_of(recipient)
                notice, whole = read_notice(about if about is not None else -1, content)
                self._host.ledger.notice_arrived(copy, notice, whole)
                self._host.bell.ring(Event.NOTICE_SEEN)
        self._recipients = []

    def _say(self, reply: str) -> bool:
        """False when nobody is there any more."""
        if self._writer.is_closing():
            return False
        self._writer.write(f"{reply}\r\n".encode())
        return True


def _path(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
