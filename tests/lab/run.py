"""Runs the scenarios: one line each, a summary, exit status 0 when all passed.

    scripts/lab                      all of them
    scripts/lab --only dane kill     those whose title, zone or ids contain one of the words
    scripts/lab --list               what there is
    scripts/lab --check-world        the lab against itself, without the relay
    scripts/lab --shell              the world and a relay, until Ctrl-C
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import agreement
import areas
import shell
import world_check
from processes import run_to_the_end
from pulse import Late
from relay import Relay
from scenario import Scenario
from scenarios import ALL
from sites import Site
from trial import Trial
from world import World, bring_up_network

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_PROGRAM = ROOT / "build" / "dev" / "mta" / "fulmar"
AT_ONCE = 12           # scenarios that run side by side
OWN_RELAYS_AT_ONCE = 3
WHOLE_RUN_SECONDS = 600


@dataclass(frozen=True)
class Result:
    scenario: Scenario
    passed: bool
    seconds: float
    why: str = ""


def matches(scenario: Scenario, words: list[str]) -> bool:
    text = " ".join((scenario.title, scenario.shows, *(site.zone for site in scenario.sites))).lower()
    return not words or any(word.lower() in text for word in words)


def sites_of(scenarios: list[Scenario]) -> list[Site]:
    return [site for scenario in scenarios for site in scenario.sites]


class Runner:
    def __init__(self, world: World, program: Path, directory: Path, scenarios: list[Scenario]) -> None:
        self._scenarios = scenarios
        self._world = world
        self._program = program
        self._directory = directory
        self._ports = itertools.count(2525)
        rules = [rule for scenario in scenarios if not scenario.own_relay for rule in scenario.rules]
        self._shared = Relay(program, world, directory / "shared", next(self._ports), rules=rules)
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._own_limit = asyncio.Semaphore(OWN_RELAYS_AT_ONCE)

    def _own_relay(self, scenario: Scenario) -> Relay:
        return Relay(self._program, self._world, self._directory / scenario.sites[0].zone, next(self._ports),
                     scenario.settings, scenario.rules)

    async def run(self) -> list[Result]:
        needs_shared = any(not scenario.own_relay for scenario in self._scenarios)
        if needs_shared:
            await self._shared.start()
        try:
            tasks = [asyncio.create_task(self._one(scenario)) for scenario in self._scenarios]
            return list(await asyncio.gather(*tasks))
        finally:
            status = await self._shared.stop()
            if needs_shared and status != 0:
                print(f"The shared relay ended with status {status}.")

    async def _one(self, scenario: Scenario) -> Result:
        async with self._own_limit if scenario.own_relay else self._limit:
            begin = time.monotonic()
            trial = Trial(self._world, self._shared, scenario.sites)
            why = ""
            try:
                await asyncio.wait_for(self._check(scenario, trial), scenario.seconds)
            except (AssertionError, Late) as error:
                why = str(error) or "an assertion without words"
            except asyncio.TimeoutError:
                why = f"not over within {scenario.seconds:g} s"
            except Exception:  # a slip in a scenario must not take the others with it
                why = traceback.format_exc()
            result = Result(scenario, not why, time.monotonic() - begin, why)
            report(result, trial)
            return result

    async def _check(self, scenario: Scenario, trial: Trial) -> None:
        if not scenario.own_relay:
            await self._check_on_relay(scenario, trial)
            return
        trial.relay = self._own_relay(scenario)
        await trial.relay.start()
        try:
            await self._check_on_relay(scenario, trial)
        finally:
            await trial.relay.stop()

    @staticmethod
    async def _check_on_relay(scenario: Scenario, trial: Trial) -> None:
        await scenario.check(trial)
        if not scenario.not_compared:
            await agreement.check(trial)


def report(result: Result, trial: Trial) -> None:
    print(f"{'ok  ' if result.passed else 'FAIL'} {result.scenario.title} "
          f"[{result.scenario.shows}] {result.seconds:.1f} s", flush=True)
    if not result.passed:
        print("     why: " + result.why.rstrip().replace("\n", "\n     "))
        print(trial.story(), flush=True)


def list_scenarios(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        print(f"{scenario.title} [{scenario.shows}]")
        if scenario.not_compared:
            print(f"    explain and delivery are not compared: {scenario.not_compared}")
    counts = areas.count(scenario.shows for scenario in scenarios)
    print(f"\n{len(scenarios)} scenarios, {counts.all} of them about transport security: "
          + ", ".join(f"{area} {number}" for area, number in counts.each.items()))


async def run_all(arguments: argparse.Namespace, scenarios: list[Scenario], directory: Path) -> int:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: print(
        f"lab: {context.get('message')}: {context.get('exception')!r}", file=sys.stderr))
    world = World(directory / "world", sites_of(scenarios))
    try:
        await world.start()
        if arguments.check_world:
            return await world_check.run(world)
        if arguments.shell:
            return await shell.run(world, arguments.fulmar, directory)
        runner = Runner(world, arguments.fulmar, directory, scenarios)
        results = await asyncio.wait_for(runner.run(), WHOLE_RUN_SECONDS)
    finally:
        await world.stop()
    failed = [result for result in results if not result.passed]
    if failed:
        print("\nFailed:")
        for result in failed:
            print(f"  {result.scenario.title}: {result.why.splitlines()[-1]}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/lab", description="Fulmar against a small internet of its own.")
    parser.add_argument("--fulmar", type=Path, default=DEFAULT_PROGRAM, help="the program under test")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="scenarios that contain a WORD")
    parser.add_argument("--list", action="store_true", help="list the scenarios and their ids")
    parser.add_argument("--keep", action="store_true", help="keep the directory with zones, logs and spools")
    parser.add_argument("--check-world", action="store_true", help="check the lab itself, without the relay")
    parser.add_argument("--shell", action="store_true", help="start the world and a relay, and wait for Ctrl-C")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    scenarios = [scenario for scenario in ALL if matches(scenario, arguments.only)]
    if arguments.list:
        list_scenarios(scenarios)
        return 0
    if not scenarios:
        print("no scenario contains any of: " + " ".join(arguments.only), file=sys.stderr)
        return 64
    if not arguments.check_world and not arguments.fulmar.exists():
        print(f"{arguments.fulmar} is not there: build it first, or give --fulmar PATH", file=sys.stderr)
        return 64
    bring_up_network()
    directory = Path(tempfile.mkdtemp(prefix="lab-"))
    try:
        return run_to_the_end(run_all(arguments, scenarios, directory))
    except (AssertionError, RuntimeError) as error:
        print(f"FAIL the lab could not be run: {error}")
        return 1
    finally:
        if arguments.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
