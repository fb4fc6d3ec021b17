"""Medians of runs, ratios to Fulmar's, and both as a Markdown table."""

from __future__ import annotations

import statistics
from typing import Any, Optional, Sequence

from scenarios import Scenario

Figures = dict[str, Optional[float]]

# (figure, words, digits)
COLUMNS = (
    ("accepted_per_second", "accepted/s", 0),
    ("end_to_end_per_second", "end to end/s", 0),
    ("cpu_ms_per_message", "CPU ms", 2),
    ("peak_memory_mb", "peak MB", 0),
    ("written_kb_per_message", "written KB", 1),
    ("device_flushes_per_message", "device flushes", 2),
    ("sink_connections_at_once", "connections", 0),
)
DRAIN = (
    ("first_tenth_per_second", "accepted/s, first tenth", 0),
    ("last_tenth_per_second", "last tenth", 0),
    ("drained_per_second", "drained/s", 0),
)
LATENCY = (
    ("accept_p50_us", "accept p50 µs", 0),
    ("message_p50_us", "message p50 µs", 0),
    ("synced_write_p50_us", "synced write p50 µs", 0),
)


def medians(runs: Sequence[Figures]) -> Figures:
    result: Figures = {}
    for name in runs[0]:
        values = [value for run in runs if (value := run[name]) is not None]
        result[name] = statistics.median(values) if values else None
    return result


def _columns(scenario: Scenario) -> tuple[tuple[str, str, int], ...]:
    extra = (DRAIN if scenario.sink_comes_late else ()) + (LATENCY if scenario.sync_probe else ())
    return COLUMNS + extra


def _cell(value: Optional[float], digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _ratio(ours: Optional[float], theirs: Optional[float]) -> str:
    return "" if ours is None or not theirs else f"{ours / theirs:.2f}"


def table(scenario: Scenario, results: dict[str, list[dict[str, Any]]]) -> str:
    """One row per server, and one with the ratio of Fulmar to each other."""
    columns = _columns(scenario)
    middle = {name: medians([run["figures"] for run in runs]) for name, runs in results.items() if runs}
    lines = [f"### {scenario.letter}: {scenario.messages} messages, {scenario.title}", "",
             "| | " + " | ".join(words for _, words, _ in columns) + " | runs |",
             "|---" * (len(columns) + 2) + "|"]
    for name, figures in middle.items():
        cells = [_cell(figures[figure], digits) for figure, _, digits in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {len(results[name])} |")
    ours = middle.get("fulmar")
    for name, figures in middle.items():
        if ours is None or name == "fulmar":
            continue
        cells = [_ratio(ours[figure], figures[figure]) for figure, _, _ in columns]
        lines.append(f"| **fulmar ÷ {name}** | " + " | ".join(cells) + " | |")
    return "\n".join(lines) + "\n"
