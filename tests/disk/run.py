"""The program on a disk in trouble: full, failing, slow, losing what was not synced, or damaged.

    scripts/disk                  the full form, against build/dev
    scripts/disk --short          as in scripts/test
    scripts/disk --only full      cases whose names have these words

Every letter that was acknowledged must arrive once and whole (tests/crash/ledger.py). Exit status 0 when all is well.
Else the state folders and the logs are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests" / "crash"), str(ROOT / "tests" / "lab")]

# pylint: disable=wrong-import-position
import damage  # noqa: E402
import descriptors  # noqa: E402
import failing_disk  # noqa: E402
import faults  # noqa: E402
import full_disk  # noqa: E402
import power_cut  # noqa: E402
from case import Case, Failed, Trial  # noqa: E402
from daemon import bring_up_source_network  # noqa: E402
from processes import run_to_the_end  # noqa: E402
from rig import SITES, Rig  # noqa: E402
from world import World, bring_up_network  # noqa: E402

DEFAULT_PROGRAM = ROOT / "build" / "dev" / "mta" / "fulmar"
CASE_SECONDS = 150
REFUSED = r"message not stored|the spool cannot be written"
UNSTORED = REFUSED + r"|cannot be stored|cannot be written|cannot be read"

CASES = (
    Case("pitfall_87 writes fail with EIO", failing_disk.errors, UNSTORED),
    Case("pitfall_98 each sync takes long", failing_disk.slow_syncs, REFUSED),
    Case("pitfall_87 the power goes and takes what was not synced", power_cut.power_cuts, "nothing"),
    Case("pitfall_89 fewer descriptors than clients", descriptors.too_few, "cannot accept connections",
         settings=descriptors.RARE_RETRIES),
    *full_disk.CASES,
    *damage.CASES,
)


class Runner:
    def __init__(self, arguments: argparse.Namespace, directory: Path) -> None:
        self._arguments = arguments
        self._directory = directory
        self._library = faults.build(directory)
        self._world = World(directory / "world", SITES)

    async def run(self) -> int:
        await self._world.start()
        try:
            results = [await self._run_case(number, case) for number, case in enumerate(CASES)
                       if self._arguments.only in case.name and not (self._arguments.short and case.long_only)]
        finally:
            await self._world.stop()
        print(f"{results.count(True)} of {len(results)} cases hold", flush=True)
        return 0 if results and all(results) else 1

    async def _run_case(self, number: int, case: Case) -> bool:
        begin = time.monotonic()
        trial = self._trial(number, case)
        problems: list[str] = []
        try:
            await trial.rig.open_hosts()
            async with asyncio.timeout(CASE_SECONDS * (4 if trial.long else 1)):
                await case.play(trial)
        except Failed as failure:
            problems.append(str(failure))
        except Exception:  # with what arrived until then it may say more
            problems.append("the case came to no end: " + traceback.format_exc())
        finally:
            await trial.rig.end()
            if case.small_disk:
                subprocess.run(["umount", str(trial.state)], check=True)
        return self._report(case, trial, problems, time.monotonic() - begin)

    def _trial(self, number: int, case: Case) -> Trial:
        directory = self._directory / f"case-{number}"
        folder, switches = directory / "state", self._directory / f"switches-{number}"
        disk = faults.Faults(self._library, folder, switches)
        rig = Rig(self._arguments.fulmar, self._world, directory, f"{self._arguments.seed} {case.name}", case.backlog,
                  case.settings, disk.environment)
        rig.daemon.expected = re.compile(case.expected)
        if case.small_disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={case.small_disk}m", "none", str(folder)], check=True)
        return Trial(rig, disk, not self._arguments.short)

    def _report(self, case: Case, trial: Trial, problems: list[str], seconds: float) -> bool:
        verdict = trial.rig.ledger.verdict()
        daemon = trial.rig.daemon
        problems = [*problems, *verdict.problems, *(f"the log says: {line}" for line in daemon.troubles)]
        if daemon.set_aside and "set aside" not in trial.facts:
            problems.append(f"a start set {daemon.set_aside} entries aside")
        print(f"{'ok' if not problems else 'FAIL':4} {case.name} ({seconds:.0f} s)")
        facts = {"acknowledged": verdict.acknowledged, "refused": len(trial.rig.load.refusals),
                 "delivered": verdict.delivered, "bounced": verdict.bounced, "lost": verdict.lost,
                 "excused second copies": verdict.duplicates_in_flight, **trial.facts}
        print("       " + ", ".join(f"{name} {value}" for name, value in facts.items()))
        for problem in problems[:12]:
            print(f"     - {problem}")
        sys.stdout.flush()
        return not problems


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/disk", description="Fulmar on a disk in trouble.")
    parser.add_argument("--fulmar", type=Path, default=DEFAULT_PROGRAM, help="the program under test")
    parser.add_argument("--short", action="store_true", help="the form for scripts/test")
    parser.add_argument("--only", default="", metavar="WORDS", help="cases whose names have these words")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(case.name for case in CASES))
        return 0
    if not arguments.fulmar.exists():
        print(f"{arguments.fulmar} is not there: build it first, or give --fulmar PATH", file=sys.stderr)
        return 64
    print(f"seed {arguments.seed}", flush=True)
    bring_up_network()
    bring_up_source_network()
    directory = Path(tempfile.mkdtemp(prefix="disk-"))
    status = run_to_the_end(Runner(arguments, directory).run())
    if status == 0:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"kept: {directory}")
    return status


if __name__ == "__main__":
    sys.exit(main())
