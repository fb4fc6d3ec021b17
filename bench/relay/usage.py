"""What a process and all its descendants use: processor, memory, writes. From /proc, so that no rights are needed."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_SECONDS = 0.5


def family(pid: int) -> Iterator[int]:
    """The process and its living descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def _cpu_ticks(pid: int) -> int:
    # Behind the name, which may hold spaces: utime, stime, and those of children that were waited for. A mail
    # server's short-lived processes are in the last two of their parent.
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15])
    return 0


def _written(pid: int) -> int:
    # Dead children that were waited for are in here too (taskstats-struct in the kernel's documentation).
    with contextlib.suppress(OSError):
        fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(fields["write_bytes"]) - int(fields["cancelled_write_bytes"])
    return 0


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def peak_of_one(pid: int) -> int:
    """VmHWM in octets."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Usage:
    cpu_seconds: float
    written: int

    @staticmethod
    def of(pid: int) -> Usage:
        pids = list(family(pid))
        return Usage(sum(map(_cpu_ticks, pids)) / TICKS_PER_SECOND, sum(map(_written, pids)))


class MemoryWatch:
    """The highest sum of resident sizes seen, sampled while the block runs. Pages shared by several processes count
    several times."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, sum(map(_resident, family(self._pid))))
            if self._over.wait(SAMPLE_SECONDS):
                return

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
