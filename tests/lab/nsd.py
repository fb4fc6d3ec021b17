"""The authoritative servers: NSD processes, each with its own address and zones."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Mapping, Optional

from processes import stop_process

START_SECONDS = 15


def find_nsd() -> Optional[str]:
    return shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class Nsd:
    def __init__(self, directory: Path, name: str, address: str, zones: Mapping[str, str]) -> None:
        """`zones` maps a zone's name (empty: the root) to the text of its file."""
        self._directory = directory / name
        self._directory.mkdir()
        self._address = address
        self._process: Optional[asyncio.subprocess.Process] = None
        self._drain: Optional[asyncio.Task[None]] = None
        self._log = self._directory / "nsd.log"
        for zone, text in zones.items():
            (self._directory / f"{zone or 'root'}.zone").write_text(text)
        (self._directory / "nsd.conf").write_text(self._configuration(list(zones)))

    def _configuration(self, zones: list[str]) -> str:
        head = f"""
server:
  ip-address: {self._address}
  port: 53
  username: ""
  chroot: ""
  zonesdir: "{self._directory}"
  database: ""
  pidfile: ""
  xfrdfile: "{self._directory}/xfrd.state"
  zonelistfile: "{self._directory}/zone.list"
  xfrdir: "{self._directory}"
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
"""
        return head + "".join(f'zone:\n  name: "{zone or "."}"\n  zonefile: "{zone or "root"}.zone"\n'
                              for zone in zones)

    async def start(self) -> None:
        program = find_nsd()
        if program is None:
            raise RuntimeError("nsd is not installed: apt install nsd")
        self._process = await asyncio.create_subprocess_exec(
            program, "-d", "-c", str(self._directory / "nsd.conf"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        try:
            await asyncio.wait_for(self._until_started(), START_SECONDS)
        except (asyncio.TimeoutError, EOFError) as error:
            raise RuntimeError(f"nsd did not start: {self._log.read_text()}") from error
        self._drain = asyncio.create_task(self._read_on())

    async def _until_started(self) -> None:
        while True:
            line = await self._read_line()
            if "nsd started" in line:
                return

    async def _read_on(self) -> None:
        try:
            while True:
                await self._read_line()
        except EOFError:
            return

    async def _read_line(self) -> str:
        assert self._process is not None and self._process.stderr is not None
        line = (await self._process.stderr.readline()).decode(errors="replace")
        if not line:
            raise EOFError
        with self._log.open("a") as log:
            log.write(line)
        return line

    async def stop(self) -> None:
        if self._process is not None:
            await stop_process(self._process)
        if self._drain is not None:
            await self._drain
