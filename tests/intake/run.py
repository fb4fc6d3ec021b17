"""The front door of the program, from outside: hostile and ordinary clients on one side, a catching host on the other.

    scripts/intake                      against the release build; memory and speed are measured
    scripts/intake --only smuggl tls    cases whose title or ids have one of the words
    scripts/intake --list

One line for each case. Exit status 0 when none failed; else the directories with logs and spools are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lab"))

# pylint: disable=wrong-import-position
import abuse  # noqa: E402
import authentication  # noqa: E402
import client_certificates  # noqa: E402
import early_talk  # noqa: E402
import idle  # noqa: E402
import large  # noqa: E402
import limits  # noqa: E402
import network  # noqa: E402
import notices  # noqa: E402
import parameters  # noqa: E402
import programs  # noqa: E402
import proxy  # noqa: E402
import reload  # noqa: E402
import scram  # noqa: E402
import smuggling  # noqa: E402
import stopping  # noqa: E402
import submission  # noqa: E402
from case import Case, Failed, Skipped  # noqa: E402
from processes import run_to_the_end  # noqa: E402
from trial import Trial  # noqa: E402

DEFAULT_PROGRAM = ROOT / "build" / "dev" / "mta" / "fulmar"
MODULES = (smuggling, early_talk, programs, submission, authentication, scram, client_certificates, limits, parameters,
           notices, proxy, reload, stopping, large, idle, abuse)
CASES: tuple[Case, ...] = tuple(case for module in MODULES for case in module.CASES)


def matches(case: Case, words: list[str]) -> bool:
    name = f"{case.title} {case.shows}".lower()
    return not words or any(word.lower() in name for word in words)


class Runner:
    def __init__(self, program: Path, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._sanitized = any(mark in program.read_bytes() for mark in (b"__asan_init", b"__tsan_init"))

    async def run(self, cases: list[Case]) -> int:
        results = [await self._one(number, case) for number, case in enumerate(cases)]
        skipped = results.count(None)
        print(f"{results.count(True)} passed, {results.count(False)} failed"
              + (f", {skipped} skipped" if skipped else ""), flush=True)
        return 1 if False in results else 0

    async def _one(self, number: int, case: Case) -> bool | None:
        begin = time.monotonic()
        trial = Trial(case, self._program, self._directory / f"case-{number}")
        problems: list[str] = []
        skipped = ""
        try:
            if case.measures and self._sanitized:
                raise Skipped("a sanitizer is measured along")
            async with asyncio.timeout(case.seconds):
                await trial.start()
                await case.play(trial)
        except Skipped as reason:
            skipped = str(reason)
        except TimeoutError:
            problems.append(f"not over within {case.seconds:g} s: " + traceback.format_exc(limit=-4))
        except Failed as failure:
            problems.append(f"{failure}{_where(failure)}")
        except Exception:  # a slip in a case must not take the others with it
            problems.append(traceback.format_exc())
        problems += await trial.stop()
        self._report(case, trial, problems, skipped, time.monotonic() - begin)
        return False if problems else None if skipped else True

    @staticmethod
    def _report(case: Case, trial: Trial, problems: list[str], skipped: str, seconds: float) -> None:
        word = "FAIL" if problems else "skip" if skipped else "ok"
        print(f"{word:4} {case.title} [{case.shows}] {seconds:.1f} s" + (f": {skipped}" if skipped else ""), flush=True)
        for name, value in trial.facts.items():
            print(f"       {name}: {value}")
        for problem in problems[:10]:
            print("     why: " + problem.rstrip().replace("\n", "\n     "), flush=True)
        if not problems:
            shutil.rmtree(trial.directory, ignore_errors=True)


def _where(failure: Failed) -> str:
    """The lines of the cases that led to it."""
    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(failure.__traceback__)
              if Path(frame.filename).parent == Path(__file__).parent]
    return f" ({' > '.join(frames[1:-1])})"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/intake/run.py", description="Fulmar's front door, from outside.")
    parser.add_argument("--fulmar", type=Path, default=DEFAULT_PROGRAM, help="the program under test")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="cases that contain a WORD")
    parser.add_argument("--list", action="store_true", help="list the cases and their ids")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    cases = [case for case in CASES if matches(case, arguments.only)]
    if arguments.list:
        print("\n".join(f"{case.title} [{case.shows}]" for case in cases))
        return 0
    if not cases:
        print("no case contains any of: " + " ".join(arguments.only), file=sys.stderr)
        return 64
    if not arguments.fulmar.exists():
        print(f"{arguments.fulmar} is not there: build it first, or give --fulmar PATH", file=sys.stderr)
        return 64
    network.bring_up()
    network.raise_descriptors()
    directory = Path(tempfile.mkdtemp(prefix="intake-"))
    status = run_to_the_end(Runner(arguments.fulmar, directory).run(cases))
    if status == 0:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"kept: {directory} (case-N/fulmar.log, case-N/fulmar.toml)")
    return status


if __name__ == "__main__":
    sys.exit(main())
