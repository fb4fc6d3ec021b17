"""A mail server under test, and what the benchmark needs from one."""

from __future__ import annotations

import abc
import contextlib
import socket
import subprocess
import time
from pathlib import Path

import children

START_SECONDS = 60


class Server(abc.ABC):
    """Relays all mail to the sink, from a spool in `directory`, which is new."""

    address: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes]

    @property
    @abc.abstractmethod
    def log(self) -> Path: ...

    @abc.abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Writes the configuration and starts the server. All its processes are descendants of this one."""

    @abc.abstractmethod
    def retry(self) -> None:
        """All mail that waits is due now, as an operator would say after an outage."""

    @abc.abstractmethod
    def stop(self) -> None: ...

    def start(self) -> None:
        """Until it greets."""
        self.process = self.launch()
        host, _, port = self.address.rpartition(":")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                with socket.create_connection((host, int(port)), timeout=5) as probe:
                    if probe.recv(512).startswith(b"220"):
                        probe.sendall(b"QUIT\r\n")
                        return
            time.sleep(0.05)
        raise children.RunFailed(f"{self.process.args} does not greet:\n{self.log_tail()}")

    def log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
        return "(no log)"
