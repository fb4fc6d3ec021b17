"""The program under test between clients and mail hosts, all of which one ledger watches."""

from __future__ import annotations

import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any, Mapping, Optional

from daemon import Daemon
from ledger import Ledger
from letters import DOMAINS, SENDER_DOMAIN, number_of
from load import BACKLOG, Load
from mail_log import QUEUED
from moments import Bell
from relay import Settings
from sink import MailHost
from sites import Host, Site
from world import World

PORT = 2525
REMOVED = re.compile(r"(\w{20}): removed$")
DRAIN_SECONDS = 60
SITES = tuple(Site(domain, hosts=(Host("mx", listening=False),)) for domain in (*DOMAINS, SENDER_DOMAIN))


class Rig:
    """Needs a World with SITES."""

    def __init__(self, program: Path, world: World, directory: Path, seed: object, backlog: int = BACKLOG,
                 settings: Optional[Settings] = None, environment: Optional[Mapping[str, str]] = None) -> None:
        self.world = world
        self.seed = seed
        self.bell = Bell(world.pulse)
        self.ledger = Ledger()
        self.daemon = Daemon(program, world, directory, PORT, self._take_line, settings, environment)
        self.hosts = [MailHost(f"mx.{site.zone}", world.address_of(f"mx.{site.zone}"), self.ledger, self.bell,
                               self.chance(site.zone)) for site in SITES]
        self.load = Load(self.daemon, self.ledger, self.bell, self.chance("load"), backlog)
        self._removals = 0

    def chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed} {what}")

    def _take_line(self, run: int, line: str) -> None:
        if match := QUEUED.search(line):
            number = number_of(match["sender"])
            if number is not None:
                self.ledger.queued(number, match[1])
        elif match := REMOVED.search(line):
            self.ledger.removed(match[1], run)
            self._removals += 1
        else:
            return
        self.world.pulse.beat()

    async def open_hosts(self) -> None:
        await asyncio.gather(*(host.start() for host in self.hosts))

    async def close_hosts(self) -> None:
        """From now on nothing listens there."""
        await asyncio.gather(*(host.stop() for host in self.hosts))

    async def end(self) -> None:
        """Whatever state it is in."""
        await self.daemon.abandon()
        await self.close_hosts()

    async def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.daemon.ask("--json", "status"))
        return answer

    async def notices_waiting(self) -> int:
        """What is owed to senders and not among the messages yet."""
        return int((await self.status())["queue"]["notices_waiting"])

    async def queued(self) -> int:
        """Messages, and what is owed to senders and not among them yet."""
        queue = (await self.status())["queue"]
        return int(queue["messages"]) + int(queue["notices_waiting"])

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Until `fulmar status` says that nothing is queued. Asked again whenever a message left the queue."""
        async with asyncio.timeout(seconds):
            while True:
                before = self._removals
                if not await self.queued():
                    break
                await self.world.pulse.until(lambda: self._removals > before or None, seconds,
                                             "a message leaves the queue")
        listed = json.loads(await self.daemon.ask("--json", "queue", "list"))
        assert listed == [], f"the queue lists {listed}"

    async def start_empty(self) -> None:
        """A clean stop, and a start that finds nothing: no delivery, no orphan."""
        await self.daemon.stop()
        await self.daemon.start()
        await self.daemon.until_ready()
        assert await self.queued() == 0, "the queue is not empty any more after a restart"
        await self.daemon.stop()
