"""Processes that the benchmark starts, and ends by their ids."""

from __future__ import annotations

import select
import subprocess
import time

PATIENCE_SECONDS = 20


class RunFailed(Exception):
    """The work was not done; there is nothing to compare."""


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def read_line(process: subprocess.Popen[bytes], seconds: float) -> str:
    """The next line of its standard output, which must be unbuffered here."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
        octet = process.stdout.read(1) if ready else b""
        if not octet:
            raise RunFailed(f"{process.args}: {'ended' if ready else f'nothing said in {seconds:g} s'}")
        line += octet
    return line.decode().rstrip()
