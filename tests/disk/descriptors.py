"""Fewer descriptors than clients."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from case import WARM_UP_LETTERS, Trial, check

DESCRIPTORS = 96
CLIENTS = 500
WATCHED_SECONDS = 2
BUSY = 0.4                  # of one processor: a loop takes a whole one
# So that retries, each of which takes some 10 ms under a sanitizer, are not taken for a loop.
RARE_RETRIES: dict[str, dict[str, Any]] = {"retry": {"intervals": ["5s"], "give_up_after": "1h"}}
TICKS = os.sysconf("SC_CLK_TCK")


async def too_few(trial: Trial) -> None:
    """Five hundred clients that stay: no crash, no loop; mail flows again when they leave."""
    trial.rig.daemon.descriptors = DESCRIPTORS
    await trial.rig.close_hosts()       # so that there is a queue to be tried again and again
    await trial.start()
    check(any("fewer client connections" in line for line in trial.rig.daemon.lines),
          "the log does not say that fewer clients are served")
    async with trial.under_load():
        await trial.acknowledged(WARM_UP_LETTERS)
    crowd = [await asyncio.open_connection("127.0.0.1", trial.rig.daemon.port) for _ in range(CLIENTS)]
    try:
        await trial.rig.world.pulse.let_pass(1)
        before = _processor_seconds(trial.rig.daemon.pid)
        await trial.rig.world.pulse.let_pass(WATCHED_SECONDS)
        share = (_processor_seconds(trial.rig.daemon.pid) - before) / WATCHED_SECONDS
        check(share < BUSY, f"{100 * share:.0f} % of a processor with nothing to do")
        trial.facts["processor while it was full"] = f"{100 * share:.0f} %"
        trial.facts["descriptors"] = len(list(Path(f"/proc/{trial.rig.daemon.pid}/fd").iterdir()))
    finally:
        for _, writer in crowd:
            writer.close()
    await trial.rig.open_hosts()
    left = trial.now()
    async with trial.under_load():
        await trial.accepts_again(left)
        await trial.acknowledged(WARM_UP_LETTERS)
    await trial.drain()


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
