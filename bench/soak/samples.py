"""What a process holds, sampled beside what its clients see. From /proc, so that no rights are needed."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

PAGE = os.sysconf("SC_PAGE_SIZE")
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    at: float                   # seconds from the first look
    per_second: float           # accepted since the sample before
    p50_us: float               # from MAIL to the reply to the final dot
    p99_us: float
    resident: int               # octets
    descriptors: int
    threads: int
    spool: int                  # octets that its files take on disk


class Sampler:
    def __init__(self, pid: int, state: Path) -> None:
        self.samples: list[Sample] = []
        self._proc = Path(f"/proc/{pid}")
        self._state = state
        self._begin = self._last = time.monotonic()

    def take(self, progress: dict[str, Any]) -> None:
        """`progress` is a line of smtp_source."""
        now = time.monotonic()
        self.samples.append(Sample(
            at=now - self._begin, per_second=progress["accepted"] / max(now - self._last, 1e-9),
            p50_us=progress["p50_us"], p99_us=progress["p99_us"],
            resident=int((self._proc / "statm").read_text().split()[1]) * PAGE,
            descriptors=len(list((self._proc / "fd").iterdir())), threads=len(list((self._proc / "task").iterdir())),
            spool=self.spool()))
        self._last = now

    def spool(self) -> int:
        total = 0
        for path in self._state.rglob("*"):
            with contextlib.suppress(OSError):      # files come and go
                total += path.stat().st_blocks * 512 if path.is_file() else 0
        return total

    def until_small(self, octets: int, seconds: float) -> Optional[float]:
        """How long that took; None when it did not happen."""
        begin = time.monotonic()
        while self.spool() > octets:
            if time.monotonic() - begin > seconds:
                return None
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - begin
