"""One run: a server with an empty spool, the work of a scenario, and what it took."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any, Optional

import disk
import load
import usage
from scenarios import Scenario
from server import Server

# What a server still does after the sink has seen the last message (logs, removals) belongs to the work.
SETTLE_SECONDS = 1.0


def run(server: Server, scenario: Scenario, tools: Path, pem: Path, limit: int) -> dict[str, Any]:
    """The figures of one run, by name."""
    probe = [disk.synced_write_us(server.directory)] if scenario.sync_probe else []
    with contextlib.ExitStack() as started:
        sink = None if scenario.sink_comes_late else _start_sink(started, scenario, tools, pem)
        started.callback(server.stop)
        server.start()
        time.sleep(SETTLE_SECONDS)
        before, flushes_before = usage.Usage.of(server.process.pid), disk.flushes(server.directory)
        with usage.MemoryWatch(server.process.pid) as memory:
            source = load.send(tools, server.address, scenario, limit)
            drain_from: Optional[float] = None
            if sink is None:
                sink = _start_sink(started, scenario, tools, pem)
                drain_from = time.monotonic()
                server.retry()
            sink.wait_complete(limit)
            time.sleep(SETTLE_SECONDS)
        after, flushes_after = usage.Usage.of(server.process.pid), disk.flushes(server.directory)
        peak_of_one = usage.peak_of_one(server.process.pid)
        seen = sink.report()
    if probe:
        probe.append(disk.synced_write_us(server.directory))
    count = scenario.messages
    figures = {
        "accepted_per_second": source["per_second"],
        "end_to_end_per_second": count / (seen["last"] - source["first"]),
        "cpu_ms_per_message": (after.cpu_seconds - before.cpu_seconds) * 1000 / count,
        # A peak between two samples is known to the kernel where there is one process.
        "peak_memory_mb": max(memory.peak, peak_of_one) / 1e6,
        "peak_of_one_process_mb": peak_of_one / 1e6,
        "written_kb_per_message": (after.written - before.written) / 1000 / count,
        "device_flushes_per_message": _per(flushes_after, flushes_before, count),
        "accept_p50_us": source["p50_us"],
        "message_p50_us": source["message_p50_us"],
        "first_tenth_per_second": source["first_tenth_per_second"],
        "last_tenth_per_second": source["last_tenth_per_second"],
        "drained_per_second": count / (seen["last"] - drain_from) if drain_from else None,
        "synced_write_p50_us": sum(probe) / len(probe) if probe else None,
        "sink_connections_at_once": seen["connections_at_once"],
        "duplicates": seen["duplicates"],
        "under_tls": seen["under_tls"],
    }
    return {"figures": figures, "source": source, "sink": seen}


def _start_sink(started: contextlib.ExitStack, scenario: Scenario, tools: Path, pem: Path) -> load.Sink:
    sink = load.Sink(tools, scenario, pem)
    started.callback(sink.stop)
    return sink


def _per(after: Optional[int], before: Optional[int], count: int) -> Optional[float]:
    return None if after is None or before is None else (after - before) / count
