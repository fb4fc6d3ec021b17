"""The program under test, as an operator runs it: a configuration file, `fulmar serve`, signals, `fulmar status`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from processes import stop_process
from pulse import Pulse

HOSTNAME = "mx.intake.test"
START_SECONDS = 30
STOP_SECONDS = 60
COMMAND_SECONDS = 30
BUG = re.compile(r"Sanitizer|runtime error:")
ERROR = re.compile(r"^\S+ error ")
NO_NETWORK = "trust anchor not proven yet"      # nobody can be asked here
TOP = ""                # in Settings: what stands before the first table
Settings = Mapping[str, Mapping[str, Any]]

# No name server is asked, and everything is handed to the sink.
BASE: dict[str, dict[str, Any]] = {
    "limits": {"spool_reserve": "1MB"},
    "resolver": {"self_test_signed": "", "self_test_unsigned": "", "self_test_bogus": ""},
    "outbound": {"allow_networks": ["127.0.0.0/8"]},
    "retry": {"intervals": ["1s"], "give_up_after": "1h"},
}


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _table(header: str, entries: Mapping[str, Any]) -> list[str]:
    return ["", header, *(f"{key} = {toml(value)}" for key, value in entries.items())]


def configuration(directory: Path, sink_port: int, listeners: Sequence[Mapping[str, Any]], settings: Settings,
                  users: Sequence[Mapping[str, Any]]) -> str:
    tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in BASE.items()}
    tables["control"] = {"socket": directory / "control.sock", "group": ""}
    for name, table in settings.items():
        tables.setdefault(name, {}).update(table)
    top = {"hostname": HOSTNAME, "state_dir": directory / "state", "threads": 2} | tables.pop(TOP, {})
    lines = [f"{key} = {toml(value)}" for key, value in top.items()]
    for listener in listeners:
        lines += _table("[[listen]]", listener)
    for name, table in tables.items():
        lines += _table(f"[{name}]", table)
    for user in users:
        lines += _table("[[user]]", user)
    lines += _table("[[destination]]", {"domain": "*", "relay": f"[127.0.0.1]:{sink_port}"})
    return "\n".join(lines) + "\n"


class Program:
    def __init__(self, path: Path, directory: Path, pulse: Pulse, text: str) -> None:
        self.lines: list[str] = []                          # of its log
        self.expected: Optional[re.Pattern[str]] = None     # lines of level error that are no trouble
        self._path = path
        self._directory = directory
        self._pulse = pulse
        self._process: Optional[asyncio.subprocess.Process] = None
        self._reader: Optional[asyncio.Task[None]] = None
        (directory / "state").mkdir(parents=True, exist_ok=True)
        self._config = directory / "fulmar.toml"
        self._config.write_text(text)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def troubles(self) -> list[str]:
        return [line for line in self.lines if BUG.search(line) or (ERROR.search(line) and not self._is_fine(line))]

    def _is_fine(self, line: str) -> bool:
        return NO_NETWORK in line or (self.expected is not None and self.expected.search(line) is not None)

    async def start(self) -> None:
        """Returns when it says that it is ready."""
        notify_path = self._directory / "notify.sock"
        notify_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.setblocking(False)
            notify.bind(str(notify_path))
            self._process = await asyncio.create_subprocess_exec(
                str(self._path), "serve", "--config", str(self._config), limit=1 << 20,
                env={**os.environ, "NOTIFY_SOCKET": str(notify_path)},
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
            self._reader = asyncio.create_task(self._read_log(self._process))
            await self._until_ready(notify)

    async def _until_ready(self, notify: socket.socket) -> None:
        assert self._process is not None
        ready = asyncio.create_task(self._hear(notify))
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and self._reader is not None:
                await self._reader
            assert ready.done(), "fulmar does not start: " + " | ".join(self.lines[-5:])
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    @staticmethod
    async def _hear(notify: socket.socket) -> None:
        while b"READY=1" not in await asyncio.get_running_loop().sock_recv(notify, 4096):
            pass

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Waits for it to stop by itself; the exit status."""
        assert self._process is not None and self._reader is not None
        async with asyncio.timeout(STOP_SECONDS):
            status = await self._process.wait()
            await self._reader
        return status

    async def stop(self) -> int:
        """As an operator does it. The exit status; 0 when it never ran."""
        if self._process is None:
            return 0
        status = await stop_process(self._process, STOP_SECONDS)
        if self._reader is not None:
            await self._reader
        return status

    async def said(self, pattern: str, seconds: float, since: int = 0) -> str:
        """The first line of the log, from line `since` on, that matches."""
        wanted = re.compile(pattern)
        return await self._pulse.until(
            lambda: next((line for line in self.lines[since:] if wanted.search(line)), None), seconds,
            f"the log says {pattern!r}; its end is {self.lines[-3:]}")

    async def queued(self) -> int:
        """Messages in the spool, as `fulmar status` says."""
        process = await asyncio.create_subprocess_exec(
            str(self._path), "--config", str(self._config), "--json", "status",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(COMMAND_SECONDS):
            output, _ = await process.communicate()
        return int(json.loads(output)["queue"]["messages"])

    async def passwd(self, name: str, password: str, method: str = "yescrypt") -> str:
        """The line for the users file that `fulmar passwd` prints."""
        process = await asyncio.create_subprocess_exec(
            str(self._path), "passwd", "--method", method, name, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        async with asyncio.timeout(COMMAND_SECONDS):
            output, errors = await process.communicate(password.encode() + b"\n")
        assert process.returncode == 0, f"fulmar passwd: {errors!r}"
        return output.decode()

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with (self._directory / "fulmar.log").open("a") as copy:
            while raw := await process.stderr.readline():
                line = raw.decode("utf-8", "replace").rstrip("\n")
                self.lines.append(line)
                copy.write(line + "\n")
                self._pulse.beat()
