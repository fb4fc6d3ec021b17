"""The disk below the servers: how long one synced write takes, and how often the device was told to flush."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Optional


def synced_write_us(directory: Path, writes: int = 300, size: int = 10_000) -> float:
    """The median of one append and fdatasync, one after the other, in microseconds."""
    octets = os.urandom(size)
    path = directory / "synced-write"
    took = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for _ in range(writes):
            started = time.perf_counter()
            os.write(file, octets)
            os.fdatasync(file)
            took.append(time.perf_counter() - started)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(took) * 1e6


def flushes(directory: Path) -> Optional[int]:
    """Flushes that the directory's device has done, for everybody; None where the kernel does not count them."""
    device = os.stat(directory).st_dev
    for line in Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if (int(fields[0]), int(fields[1])) == (os.major(device), os.minor(device)):
            # Documentation/admin-guide/iostats.rst, field 16
            return int(fields[18]) if len(fields) > 18 else None
    return None
