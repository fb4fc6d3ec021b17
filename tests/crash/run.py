"""Kills the program with -9 again and again under load, then holds what arrived against what was acknowledged.

    scripts/crash --kills 200              against build/dev
    scripts/crash --kills 200 --seed 7     the same choices again; the machine's timing is never quite the same

Exit status 0 when nothing is lost, damaged or there twice without a kill to explain it. Else the state folder and the
log are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lab"))

# pylint: disable=wrong-import-position
from daemon import bring_up_source_network  # noqa: E402
from ledger import Verdict  # noqa: E402
from moments import Moments  # noqa: E402
from processes import run_to_the_end  # noqa: E402
from rig import SITES, Rig  # noqa: E402
from world import World, bring_up_network  # noqa: E402

DEFAULT_PROGRAM = ROOT / "build" / "dev" / "mta" / "fulmar"
WHOLE_RUN_SECONDS = 60       # and this much more for each kill:
SECONDS_A_KILL = 3
# What an empty spool may take: logs that are not yet given back.
EMPTY_SPOOL_AT_MOST = 192 << 20


class CrashTest:
    def __init__(self, arguments: argparse.Namespace, directory: Path) -> None:
        self._arguments = arguments
        self._world = World(directory / "world", SITES)
        self._rig = Rig(arguments.fulmar, self._world, directory / "relay", arguments.seed)
        self._daemon = self._rig.daemon
        self._moments = Moments(self._rig.chance("moments"), self._rig.bell, tuple(arguments.seconds_between))
        self._trouble = ""
        self._largest = self._at_end = 0
        self._seconds = 0.0

    async def run(self) -> bool:
        """Whether all is well. A run that came to no end is reported like any other."""
        begin = time.monotonic()
        await self._world.start()
        try:
            await self._rig.open_hosts()
            async with asyncio.timeout(self._time_limit()):
                await self._kill_drain_and_start()
        except Exception:  # with what arrived until then it may say more
            self._trouble = "the run came to no end: " + traceback.format_exc()
        finally:
            await self._rig.end()
            await self._world.stop()
        self._seconds = time.monotonic() - begin
        return self._report(self._rig.ledger.verdict())

    def _time_limit(self) -> float:
        a_kill = SECONDS_A_KILL + self._arguments.seconds_between[1]
        return WHOLE_RUN_SECONDS + float(self._arguments.kills * a_kill)

    async def _kill_drain_and_start(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rig.load.run())
            await self._kill_often()
            self._rig.load.stop()
        await self._rig.drain()
        await self._rig.start_empty()
        self._at_end = self._daemon.size()

    async def _kill_often(self) -> None:
        for _ in range(self._arguments.kills):
            await self._daemon.start()
            await self._moments.wait(self._daemon)
            run = self._daemon.run
            self._rig.ledger.killed(run, await self._daemon.kill())
            self._largest = max(self._largest, self._daemon.size())
        await self._daemon.start()
        await self._daemon.until_ready()

    def _report(self, verdict: Verdict) -> bool:
        problems = [*self._problems_of_the_program(), *verdict.problems]
        table = {
            "kills": self._arguments.kills, "seconds": round(self._seconds),
            "messages acknowledged": verdict.acknowledged,
            "messages not acknowledged": f"{verdict.unacknowledged}, {verdict.unacknowledged_arrived} arrived",
            "recipients delivered": verdict.delivered, "recipients bounced": verdict.bounced,
            "recipients put off once": sum(len(host.put_off) for host in self._rig.hosts),
            "notices": verdict.notices, "lost": verdict.lost, "damaged": verdict.damaged, "stray": verdict.stray,
            "duplicates in flight": f"{verdict.duplicates_in_flight}, of these {verdict.answered_before_the_kill} after "
                                    f"the reply, by {1000 * verdict.oldest_in_flight:.0f} ms at most",
            "duplicates unexplained": verdict.duplicates_unexplained,
            "letters turned away": len(self._rig.load.refusals),
            "starts": f"{self._daemon.run}, {len(self._daemon.deliveries)} got as far as the spool, "
                      f"{sum(map(bool, self._daemon.deliveries))} found mail",
            "orphans removed": f"{sum(self._daemon.orphans)} by {sum(map(bool, self._daemon.orphans))} starts",
            "spool": f"{self._largest >> 10} KiB at most, {self._at_end >> 10} KiB when empty",
        }
        for name, value in table.items():
            print(f"{name:26} {value}")
        print("killed:")
        for name, count in self._moments.counts.most_common():
            print(f"  {count:4}  {name}")
        for problem in problems[:30]:
            print(f"FAIL {problem}")
        print(f"{len(problems)} problems", flush=True)
        return not problems

    def _problems_of_the_program(self) -> list[str]:
        problems = [self._trouble] if self._trouble else []
        problems += [f"the log says: {line}" for line in self._daemon.troubles]
        if self._daemon.set_aside:
            problems.append(f"a start set {self._daemon.set_aside} entries aside")
        if self._daemon.deliveries and (self._daemon.deliveries[-1] or self._daemon.orphans[-1]):
            problems.append(f"the start on the drained spool found {self._daemon.deliveries[-1]} deliveries and "
                            f"{self._daemon.orphans[-1]} orphans")
        if self._at_end > EMPTY_SPOOL_AT_MOST:
            problems.append(f"the empty spool takes {self._at_end >> 20} MiB")
        return problems


async def run_test(arguments: argparse.Namespace, directory: Path) -> int:
    return 0 if await CrashTest(arguments, directory).run() else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/crash", description="Fulmar under kill -9.")
    parser.add_argument("--fulmar", type=Path, default=DEFAULT_PROGRAM, help="the program under test")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds-between", type=float, nargs=2, default=(0.05, 1.0), metavar=("MIN", "MAX"),
                        help="from readiness to a kill at any time; MAX is also how long an event is waited for")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if not arguments.fulmar.exists():
        print(f"{arguments.fulmar} is not there: build it first, or give --fulmar PATH", file=sys.stderr)
        return 64
    print(f"seed {arguments.seed}", flush=True)
    bring_up_network()
    bring_up_source_network()
    directory = Path(tempfile.mkdtemp(prefix="crash-"))
    status = 1
    try:
        status = run_to_the_end(run_test(arguments, directory))
    except RuntimeError as error:
        print(f"FAIL the test could not be run: {error}")
    if status == 0:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"kept: {directory} (relay/state, relay/fulmar.log)")
    return status


if __name__ == "__main__":
    sys.exit(main())
