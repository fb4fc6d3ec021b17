"""Processes: ending one we started, by its id, and ending ourselves so that none is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Coroutine

PATIENCE_SECONDS = 10


async def stop_process(process: asyncio.subprocess.Process, patience: float = PATIENCE_SECONDS) -> int:
    """SIGTERM, then SIGKILL after `patience`. The exit status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), patience)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    return await process.wait()


def run_to_the_end(work: Coroutine[None, None, int]) -> int:
    """Runs `work`; SIGTERM and Ctrl-C cancel it, so that its `finally` blocks stop all they started."""
    async def guarded() -> int:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work
    try:
        return asyncio.run(guarded())
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
