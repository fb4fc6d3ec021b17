"""The program under test: start, wait until ready, kill -9, start again on the same state folder.

Each run sends from a source address of its own, so that a mail host knows for certain which run brought a message.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from relay import Settings, configuration
from world import World

NETWORK = ipaddress.IPv4Network("198.19.0.0/16")     # reserved for benchmarks, like others of the lab
START_SECONDS = 60
STOP_SECONDS = 90
COMMAND_SECONDS = 60
# Long waits for replies: the mail hosts here are slow at times, and a reply that was given up on is no crash.
SETTINGS: dict[str, dict[str, Any]] = {
    "outbound": {"connect_timeout": "30s", "command_timeout": "60s", "final_dot_timeout": "60s"},
    "retry": {"intervals": ["1s"], "give_up_after": "1h"},
    "notify": {"max_per_sender": "", "digest_every": ""},
}
BUG = re.compile(r"Sanitizer|runtime error:")
ERROR = re.compile(r"^\S+ error ")
OPENED = re.compile(r"spool opened deliveries=(\d+) set_aside=(\d+) orphans_removed=(\d+)")


def bring_up_source_network() -> None:
    subprocess.run(["ip", "addr", "replace", f"{NETWORK[1]}/{NETWORK.prefixlen}", "dev", "lo"], check=True)


def source_address(run: int) -> str:
    return str(NETWORK[run + 1])


def run_of(address: str) -> int:
    return int(ipaddress.IPv4Address(address)) - int(NETWORK[1])


class Daemon:
    def __init__(self, program: Path, world: World, directory: Path, port: int, on_line: Callable[[int, str], None],
                 settings: Optional[Settings] = None, environment: Optional[Mapping[str, str]] = None) -> None:
        """`on_line` gets each line of the log with the number of the run; runs count from 1."""
        self.port = port
        self.expected: Optional[re.Pattern[str]] = None     # lines of level error that are no trouble
        self.descriptors: Optional[int] = None      # at most, soft limit and hard
        self.run = 0
        self.ready = False
        self.troubles: list[str] = []
        self.lines: list[str] = []              # of this run
        self.set_aside = 0                      # the most that a start reported
        self.orphans: list[int] = []            # removed, by each start that got as far
        self.deliveries: list[int] = []         # found, by each start that got as far
        self.state = directory / "state"
        self.log = directory / "fulmar.log"
        self._program = program
        self._world = world
        self._directory = directory
        self._on_line = on_line
        self._settings = SETTINGS | dict(settings or {})
        self._environment = dict(environment or {})
        self._process: Optional[asyncio.subprocess.Process] = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._notify: Optional[socket.socket] = None
        self._started = self._ready_after = 0.0
        self.state.mkdir(parents=True)

    @property
    def _config(self) -> Path:
        return self._directory / "fulmar.toml"

    async def start(self) -> None:
        """Does not wait until it is ready."""
        self.run += 1
        self.lines = []
        outbound = SETTINGS["outbound"] | {"source_addresses": [source_address(self.run)]}
        self._config.write_text(configuration(self._world, self._directory, self.port,
                                              self._settings | {"outbound": outbound}, ()))
        notify_path = self._directory / "notify.sock"
        notify_path.unlink(missing_ok=True)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.setblocking(False)
        self._notify.bind(str(notify_path))
        self._started = asyncio.get_running_loop().time()
        self._process = await asyncio.create_subprocess_exec(
            str(self._program), "serve", "--config", str(self._config), limit=1 << 20,
            env={**os.environ, **self._environment, "NOTIFY_SOCKET": str(notify_path)},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, preexec_fn=self._limit_descriptors)
        self._tasks = [asyncio.create_task(self._read_log(self._process, self.run)),
                       asyncio.create_task(self._await_ready(self._notify)),
                       asyncio.create_task(self._await_end(self._process))]

    def _limit_descriptors(self) -> None:
        if self.descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    async def until_ready(self) -> float:
        """How long the start took."""
        await self._world.pulse.until(lambda: self.ready or self._ended() or None, START_SECONDS, "fulmar is ready")
        self._check_alive()
        return self._ready_after

    async def refusal(self) -> tuple[int, list[str]]:
        """Of a start that is expected to fail: the exit status and what it wrote."""
        await self._world.pulse.until(lambda: self.ready or self._ended() or None, START_SECONDS, "fulmar refuses")
        assert not self.ready, "fulmar is ready and should not be"
        return await self._finish(), self.lines

    async def kill(self) -> float:
        """kill -9, and its time."""
        assert self._process is not None
        self._check_alive()
        self.ready = False
        killed_at = asyncio.get_running_loop().time()
        self._process.kill()
        status = await self._finish()
        assert status == -signal.SIGKILL, f"fulmar ended with status {status} before it was killed"
        return killed_at

    async def stop(self) -> None:
        """SIGTERM, as an operator does it."""
        assert self._process is not None
        self._check_alive()
        self.ready = False
        self._process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            status = await self._finish()
        assert status == 0, f"fulmar stopped with status {status}"

    async def abandon(self) -> None:
        """Whatever state it is in: it is not left behind."""
        if self._process is not None and not self._ended():
            self._process.kill()
            await self._finish()

    async def ask(self, *arguments: str) -> str:
        """What a subcommand prints."""
        process = await asyncio.create_subprocess_exec(
            str(self._program), "--config", str(self._config), *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, f"fulmar {' '.join(arguments)}: status {process.returncode}, {output!r}"
        return output.decode()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def size(self) -> int:
        """Octets in the state folder."""
        return sum(path.stat().st_size for path in self.state.rglob("*") if path.is_file())

    def _ended(self) -> bool:
        return self._process is not None and self._process.returncode is not None

    def _check_alive(self) -> None:
        if self._ended():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise AssertionError(f"fulmar ended by itself in run {self.run}, "
                                 f"status {self._process and self._process.returncode}:\n{tail}")

    async def _finish(self) -> int:
        assert self._process is not None and self._notify is not None
        status = await self._process.wait()
        reading, readiness, ending = self._tasks
        readiness.cancel()
        await asyncio.gather(reading, ending)       # all it wrote before its end counts
        self._notify.close()
        return status

    async def _await_ready(self, notify: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while b"READY=1" not in await loop.sock_recv(notify, 4096):
            pass
        self._ready_after = loop.time() - self._started
        self.ready = True
        self._world.pulse.beat()

    async def _await_end(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self.ready = False
        self._world.pulse.beat()

    async def _read_log(self, process: asyncio.subprocess.Process, run: int) -> None:
        assert process.stderr is not None
        with self.log.open("a") as copy:
            copy.write(f"--- run {run}\n")
            while raw := await process.stderr.readline():
                line = raw.decode("utf-8", "replace").rstrip("\n")
                copy.write(line + "\n")
                copy.flush()
                self._take(line)
                self._on_line(run, line)

    def _take(self, line: str) -> None:
        self.lines.append(line)
        expected = self.expected is not None and self.expected.search(line)
        if BUG.search(line) or ERROR.search(line) and not expected:
            self.troubles.append(line)
        if match := OPENED.search(line):
            self.deliveries.append(int(match[1]))
            self.set_aside = max(self.set_aside, int(match[2]))
            self.orphans.append(int(match[3]))
