"""Fulmar under a steady load for a long time: does it stay as it was? A table goes to standard output.

Use scripts/soak, which builds what is needed and makes a network namespace. First the peak rate is measured in a short run
with a spool of its own; then mail comes at a share of it. The verdict: every message delivered once, nothing left in the
queue, memory and descriptors flat, and the spool small again after the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Optional, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench" / "relay"))

# pylint: disable=wrong-import-position
import children  # noqa: E402
import load  # noqa: E402
from certificate import make_certificate  # noqa: E402
from fulmar import Fulmar  # noqa: E402
from samples import Sample, Sampler  # noqa: E402
from scenarios import Scenario  # noqa: E402

PEAK_MESSAGES = 6_000
WARM_UP = 0.2               # of the time: caches and memtables fill
GROWTH = 0.10               # of memory that is no growth
FEW_DESCRIPTORS = 30        # RocksDB's files come and go
SMALL_SPOOL = 64 << 20
SHRINKS_SECONDS = 120
TABLE_ROWS = 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__.splitlines()[0])
    parser.add_argument("--fulmar", type=Path, required=True, help="the program")
    parser.add_argument("--tools", type=Path, required=True, help="where smtp_source and smtp_sink are")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--share", type=float, default=0.8, help="of the peak rate (default: 0.8)")
    parser.add_argument("--rate", type=float, help="messages a second, instead of a share of a measured peak")
    parser.add_argument("--size", type=int, default=10_000, help="octets of a message")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--domains", type=int, default=50)
    parser.add_argument("--every", type=int, default=5, help="seconds between samples (default: 5)")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="on the disk that the spool shall be on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps all samples")
    return parser.parse_args()


class Soak:
    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self._options = options
        self._directory = directory
        self._pem = directory / "load.pem"

    def peak(self) -> float:
        """Messages a second from the first MAIL to the last message that the sink saw."""
        work = self._work(PEAK_MESSAGES)
        with self._server("peak") as server, _sink(self._options.tools, work, self._pem) as sink:
            source = load.send(self._options.tools, server.address, work, 300)
            sink.wait_complete(300)
            return PEAK_MESSAGES / (float(sink.report()["last"]) - float(source["first"]))

    def run(self, rate: float) -> dict[str, Any]:
        work = self._work(max(round(rate * self._options.minutes * 60), self._options.clients))
        with self._server("soak") as server, _sink(self._options.tools, work, self._pem) as sink:
            sampler = Sampler(server.process.pid, server.directory / "state")
            source = _Source(self._options, server.address, work, rate)
            while (line := source.progress()) is not None:
                sampler.take(line)
            ended = time.monotonic()
            sink.wait_complete(300)
            drained = time.monotonic() - ended
            queued = _until_empty(server)
            shrunk = sampler.until_small(SMALL_SPOOL, SHRINKS_SECONDS)
            return {"rate": rate, "messages": work.messages, "source": source.total, "sink": sink.report(),
                    "samples": [dataclasses.asdict(sample) for sample in sampler.samples], "queued": queued,
                    "drained_seconds": drained, "spool_small_after_seconds": shrunk, "spool_at_the_end": sampler.spool()}

    def _work(self, messages: int) -> Scenario:
        return Scenario("soak", "soak", messages, size=self._options.size, clients=self._options.clients,
                        domains=self._options.domains)

    def _server(self, name: str) -> _Running:
        directory = self._directory / name
        directory.mkdir()
        return _Running(Fulmar(directory, self._options.fulmar, self._pem))


class _Running:
    """Started and stopped with the block."""

    def __init__(self, server: Fulmar) -> None:
        self._server = server

    def __enter__(self) -> Fulmar:
        self._server.start()
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.stop()


class _sink:  # pylint: disable=invalid-name
    def __init__(self, tools: Path, work: Scenario, pem: Path) -> None:
        self._sink = load.Sink(tools, work, pem)

    def __enter__(self) -> load.Sink:
        return self._sink

    def __exit__(self, *_: object) -> None:
        self._sink.stop()


class _Source:
    def __init__(self, options: argparse.Namespace, server: str, work: Scenario, rate: float) -> None:
        self.total: Optional[dict[str, Any]] = None
        limit = round(options.minutes * 60 * 2) + 60
        self._process = subprocess.Popen(
            [str(options.tools / "smtp_source"), server, "--clients", str(work.clients), "--messages", str(work.messages),
             "--size", str(work.size), "--domains", str(work.domains), "--rate", str(rate), "--every", str(options.every),
             "--seconds", str(limit)], stdout=subprocess.PIPE)

    def progress(self) -> Optional[dict[str, Any]]:
        """What the next line says; None at the end, when `total` is known."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise children.RunFailed(f"the source ended with status {self._process.wait()}")
        said: dict[str, Any] = json.loads(line)
        if "at" in said:
            return said
        self.total = said
        self._process.wait()
        return None


def _until_empty(server: Fulmar) -> int:
    """What the queue holds in the end; a removal may come a moment after the sink's reply."""
    deadline = time.monotonic() + 30
    while (queued := server.queued()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return queued


def judge(result: dict[str, Any]) -> list[str]:
    """What is not as it shall be."""
    problems = []
    if result["sink"]["messages"] != result["messages"] or result["sink"]["duplicates"]:
        problems.append(f"of {result['messages']} messages the sink saw {result['sink']['messages']}, "
                        f"{result['sink']['duplicates']} of them twice")
    if result["queued"]:
        problems.append(f"{result['queued']} messages are left in the queue")
    if result["spool_small_after_seconds"] is None:
        problems.append(f"the spool has {result['spool_at_the_end'] >> 20} MB, {SHRINKS_SECONDS} s after the last delivery")
    samples = [Sample(**fields) for fields in result["samples"]]
    return problems + _growth(samples[round(len(samples) * WARM_UP):])


def _growth(samples: Sequence[Sample]) -> list[str]:
    third = len(samples) // 3
    if third == 0:
        return ["too few samples: --minutes more, or --every less"]
    first, last = samples[:third], samples[-third:]
    problems = []
    before, after = (statistics.median(sample.resident for sample in part) for part in (first, last))
    if after > before * (1 + GROWTH):
        problems.append(f"memory grew from {before / 1e6:.0f} to {after / 1e6:.0f} MB")
    for name, slack in (("descriptors", FEW_DESCRIPTORS), ("threads", 0)):
        before, after = (statistics.median(getattr(sample, name) for sample in part) for part in (first, last))
        if after > before + slack:
            problems.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return problems


def table(result: dict[str, Any]) -> str:
    samples = [Sample(**fields) for fields in result["samples"]]
    step = max(len(samples) // TABLE_ROWS, 1)
    lines = ["  seconds  accepted/s   p50 us   p99 us  memory MB  descriptors  threads  spool MB"]
    lines += [f"{sample.at:9.0f} {sample.per_second:11.0f} {sample.p50_us:8.0f} {sample.p99_us:8.0f} "
              f"{sample.resident / 1e6:10.1f} {sample.descriptors:12} {sample.threads:8} {sample.spool / 1e6:9.1f}"
              for sample in samples[::step]]
    shrunk = result["spool_small_after_seconds"]
    lines += [f"{result['messages']} messages at {result['rate']:.0f} a second; the last was delivered "
              f"{result['drained_seconds']:.1f} s after the last was accepted",
              f"spool at the end {result['spool_at_the_end'] / 1e6:.1f} MB"
              + (f", below {SMALL_SPOOL >> 20} MiB after {shrunk:.0f} s" if shrunk is not None else "")]
    return "\n".join(lines)


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = Path(tempfile.mkdtemp(prefix="fulmar-soak-", dir=options.directory))
    try:
        make_certificate(directory / "load.pem")
        soak = Soak(options, directory)
        rate = options.rate
        if rate is None:
            peak = soak.peak()
            rate = peak * options.share
            print(f"peak {peak:.0f} messages a second; {options.share:g} of it from here on", flush=True)
        result = soak.run(rate)
        problems = judge(result)
        if options.json:
            options.json.write_text(json.dumps(result | {"problems": problems}, indent=1))
        print(table(result))
    except children.RunFailed as failure:
        problems = [str(failure)]
    finally:
        shutil.rmtree(directory)
    for problem in problems:
        print(f"FAIL {problem}")
    print("flat" if not problems else f"{len(problems)} problems", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
