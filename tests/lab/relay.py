"""The relay under test: its configuration file, its process, its command line.

The program is used as an operator uses it: a file, `fulmar serve`, and the subcommands with --json.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import re
import socket
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from mail_log import MailLog
from processes import stop_process
from world import BOGUS_NAME, RELAY, SIGNED_NAME, UNSIGNED_NAME, World

START_SECONDS = 30
RULE_HEADER = "[[destination]]"
TOP = ""              # in Settings: what stands before the first table
Settings = Mapping[str, Mapping[str, Any]]
# A [[destination]] entry. "login" ("user:password") becomes its auth_file; "<address of HOST>" in a text that address.
Rule = Mapping[str, Any]

# Quick retries, so that a scenario is over in seconds; early notices of delays that security causes.
LAB_SETTINGS: dict[str, dict[str, Any]] = {
    "limits": {"spool_reserve": "1MB"},
    "resolver": {"timeout": "6s", "plain_zones": ["test."], "self_test_signed": SIGNED_NAME,
                 "self_test_unsigned": UNSIGNED_NAME, "self_test_bogus": BOGUS_NAME},
    "mta_sts": {"fetch_timeout": "4s", "failed_fetch_backoff": "60s", "recheck_interval": "5m"},
    "outbound": {"connect_timeout": "3s", "command_timeout": "4s", "final_dot_timeout": "6s"},
    "retry": {"intervals": ["1s", "2s", "4s", "8s"], "give_up_after": "1h"},
    "notify": {"security_delay_after": "1s", "max_per_sender": "", "digest_every": ""},
    "log": {"level": "info"},
}


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return json.dumps(value)


def _rule_lines(world: World, directory: Path, number: int, rule: Rule) -> list[str]:
    entry = dict(rule)
    login = entry.pop("login", None)
    if login is not None:
        auth_file = directory / f"auth-{number}"
        auth_file.write_text(f"{login}\n")
        entry["auth_file"] = str(auth_file)
    lines = ["", RULE_HEADER, *(f"{key} = {toml(value)}" for key, value in entry.items())]
    return [re.sub(r"<address of ([^>]+)>", lambda match: world.address_of(match[1]), line) for line in lines]


def configuration(world: World, directory: Path, port: int, settings: Settings, rules: Sequence[Rule]) -> str:
    tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in LAB_SETTINGS.items()}
    tables["resolver"] |= {"trust_anchor": str(world.dns.trust_anchor), "root_hints": str(world.dns.root_hints)}
    tables["tls"] = {"ca_file": str(world.ca_file)}
    tables["control"] = {"socket": str(directory / "control.sock"), "group": ""}
    for name, table in settings.items():
        tables.setdefault(name, {}).update(table)
    top = {"hostname": RELAY, "state_dir": str(directory / "state"), "threads": 2} | tables.pop(TOP, {})
    lines = [*(f"{key} = {toml(value)}" for key, value in top.items()), "",
             "[[listen]]", f"address = {toml(f'127.0.0.1:{port}')}", 'tls = "starttls"',
             f"certificate = {toml(str(world.relay_pem))}", f"private_key = {toml(str(world.relay_pem))}"]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    for number, rule in enumerate(rules):
        lines += _rule_lines(world, directory, number, rule)
    return "\n".join(lines) + "\n"


class Answer:
    """What a subcommand said."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = errors

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.output)
        except ValueError as error:
            raise AssertionError(f"not JSON (exit status {self.status}): {self.output!r} {self.errors!r}") from error


class Relay:
    def __init__(self, program: Path, world: World, directory: Path, port: int, settings: Optional[Settings] = None,
                 rules: Sequence[Rule] = ()) -> None:
        self.port = port
        self.log = MailLog()
        self._program = program
        self._world = world
        self._directory = directory
        directory.mkdir()
        (directory / "state").mkdir()
        self.config_file = directory / "fulmar.toml"
        text = configuration(world, directory, port, settings or {}, rules)
        self.config_file.write_text(text)
        headers = [number for number, line in enumerate(text.splitlines(), 1) if line == RULE_HEADER]
        self._rules = list(zip(rules, headers))
        self._process: Optional[asyncio.subprocess.Process] = None
        self._reader: Optional[asyncio.Task[None]] = None

    @property
    def log_file(self) -> Path:
        return self._directory / "fulmar.log"

    def where(self, rule: Rule) -> str:
        """FILE:LINE of this entry."""
        return next(f"{self.config_file}:{line}" for known, line in self._rules if known is rule)

    def peak_memory(self) -> int:
        """Octets of memory that the program has held at most since its start."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s*(\d+) kB", status)
        assert match is not None, f"no VmHWM: {status}"
        return int(match[1]) * 1024

    async def start(self) -> None:
        """Runs `fulmar serve` until it says READY=1."""
        notify_path = self._directory / "notify.sock"
        notify_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.setblocking(False)
            notify.bind(str(notify_path))
            self._process = await asyncio.create_subprocess_exec(
                str(self._program), "serve", "--config", str(self.config_file), limit=1 << 20,
                env={**os.environ, "NOTIFY_SOCKET": str(notify_path)},
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
            self._reader = asyncio.create_task(self._read_log(self._process))
            ready = asyncio.create_task(_await_ready(notify))
            exited = asyncio.create_task(self._process.wait())
            done, pending = await asyncio.wait({ready, exited}, timeout=START_SECONDS,
                                               return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        if ready not in done:
            await self._reader if exited in done else None
            tail = "\n".join(self.log.lines[-15:])
            raise AssertionError(f"fulmar serve did not become ready, exit status {self._process.returncode}:\n{tail}")

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self._process is None:
            return 0
        status = await stop_process(self._process, patience=40)
        await self._finish_log()
        return status

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        await self._finish_log()

    async def _finish_log(self) -> None:
        if self._reader is not None:
            await self._reader

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with self.log_file.open("a") as copy:
            while raw := await process.stderr.readline():
                line = raw.decode("utf-8", "replace").rstrip("\n")
                copy.write(line + "\n")
                copy.flush()
                self.log.take(line)
                self._world.pulse.beat()

    async def run(self, *arguments: str, seconds: float = 60) -> Answer:
        """A subcommand."""
        process = await asyncio.create_subprocess_exec(
            str(self._program), "--config", str(self.config_file), *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            output, errors = await asyncio.wait_for(process.communicate(), seconds)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise AssertionError(f"fulmar {' '.join(arguments)}: no answer in {seconds:g} s") from None
        return Answer(process.returncode or 0, output.decode(), errors.decode())


async def _await_ready(notify: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while b"READY=1" not in await loop.sock_recv(notify, 4096):
        pass
