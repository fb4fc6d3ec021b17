"""Fulmar and Debian's Postfix on the same work, in turn. Tables go to standard output, progress to standard error.

Use scripts/bench-relay, which builds what is needed and makes a network namespace.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Sequence

import children
import report
import trial
from certificate import make_certificate
from fulmar import Fulmar
from postfix import Postfix
from scenarios import SCENARIOS, Scenario
from server import Server

SERVERS = ("fulmar", "postfix", "postfix-tuned")
FULMARS_CONNECTIONS = 20  # to one destination (queue/scheduler.h)
TUNED_CONNECTIONS = 100
Make = Callable[[Path], Server]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench-relay", description=__doc__.splitlines()[0])
    parser.add_argument("--fulmar", type=Path, required=True, help="the program")
    parser.add_argument("--tools", type=Path, required=True, help="where smtp_source and smtp_sink are")
    parser.add_argument("--scenarios", default="".join(each.letter for each in SCENARIOS), metavar="LETTERS",
                        help="; ".join(f"{each.letter}: {each.title}" for each in SCENARIOS))
    parser.add_argument("--only", action="append", choices=SERVERS, help="this server; may be given again")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each server (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of messages (default: 1)")
    parser.add_argument("--limit", type=int, default=900, help="seconds for each half of a run (default: 900)")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="on the disk that spools shall be on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps all figures")
    parser.add_argument("--keep", action="store_true", help="leave configurations, logs and spools there")
    return parser.parse_args()


def may_run_postfix() -> bool:
    """Root of a user namespace of its own is not enough: Postfix's processes run as several users."""
    users = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return os.geteuid() == 0 and users > 1


def maker(name: str, scenario: Scenario, program: Path, pem: Path) -> Make:
    if name == "fulmar":
        return lambda directory: Fulmar(directory, program, pem)
    if name == "postfix":
        return lambda directory: Postfix(directory, pem)
    # Where the distance decides, the number of connections does; so it is the same on both sides there.
    connections = FULMARS_CONNECTIONS if scenario.sink_delay_ms else TUNED_CONNECTIONS
    return lambda directory: Postfix.tuned(directory, pem, connections)


def run_once(name: str, scenario: Scenario, options: argparse.Namespace, root: Path) -> dict[str, Any]:
    directory = Path(tempfile.mkdtemp(prefix=f"{scenario.letter}-{name}-", dir=root))
    directory.chmod(0o755)  # Postfix's processes run as users of their own
    pem = root / "load.pem"
    server = maker(name, scenario, options.fulmar, pem)(directory)
    try:
        return trial.run(server, scenario, options.tools, pem, options.limit)
    except children.RunFailed as failure:
        raise children.RunFailed(f"{scenario.letter}, {name}: {failure}\n{server.log_tail()}") from failure
    finally:
        if not options.keep:
            shutil.rmtree(directory)


def run_scenario(scenario: Scenario, names: Sequence[str], options: argparse.Namespace,
                 root: Path) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for pair in range(options.pairs):
        # There and back, so that a drift of the machine meets all alike.
        for name in names if pair % 2 == 0 else reversed(names):
            try:
                result = run_once(name, scenario, options, root)
            except children.RunFailed as failure:
                print(f"FAILED {failure}", file=sys.stderr, flush=True)
                continue
            results[name].append(result)
            shown = {key: round(value, 2) for key, value in result["figures"].items() if value is not None}
            print(f"{scenario.letter} {name}: {shown}", file=sys.stderr, flush=True)
    return results


def main() -> int:
    options = arguments()
    names = [name for name in SERVERS if not options.only or name in options.only]
    if names != ["fulmar"] and not may_run_postfix():
        print("Postfix needs root; without it: --only fulmar", file=sys.stderr)
        return 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = Path(tempfile.mkdtemp(prefix="fulmar-bench-", dir=options.directory))
    root.chmod(0o755)
    kept: dict[str, Any] = {}
    complete = True
    try:
        make_certificate(root / "load.pem")
        for scenario in SCENARIOS:
            if scenario.letter not in options.scenarios:
                continue
            scenario = scenario.scaled(options.scale)
            results = run_scenario(scenario, names, options, root)
            complete &= all(len(runs) == options.pairs for runs in results.values())
            print(report.table(scenario, results), flush=True)
            kept[scenario.letter] = {"messages": scenario.messages, "runs": results}
            if options.json:
                options.json.write_text(json.dumps(kept, indent=1))
    finally:
        if not options.keep:
            shutil.rmtree(root)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
