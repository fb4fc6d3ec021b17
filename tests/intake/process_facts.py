"""What the kernel says of a process: memory, descriptors, processor time."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
RESET_PEAK = "5"        # proc(5), clear_refs


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {field} of process {pid}")


def resident(pid: int) -> int:
    """Octets of memory in use."""
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most it had in use, ever or since reset_peak()."""
    return _status(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def sockets(pid: int) -> int:
    return sum(1 for one in Path(f"/proc/{pid}/fd").iterdir() if _target(one).startswith("socket:"))


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""       # closed meanwhile


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def mib(octets: float) -> str:
    return f"{octets / (1 << 20):.1f} MiB"
