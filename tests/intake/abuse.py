"""A thousand clients that mean no good, beside twenty that send mail all the time. RFC 5321 §7.8; pitfalls 82, 89, 93

Honest mail is measured for some seconds without the others, with them, and without them again. The abusers are one
process that keeps to a share of one processor (abusers.py), so that what honest mail loses is the program's loss; the
clients and the sink, in this process, are the same in all phases. Each abuser has an address of its own: no limit for
single addresses helps.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Optional

import process_facts
from abusers import KINDS
from case import Case, Failed, check, equal
from honest_load import HONEST, HonestLoad, Phase, together
from trial import Trial

ABUSERS = 1_000
SHARE = 0.2             # of one processor, for the abusers themselves
WARM_UP_SECONDS, QUIET_SECONDS, ABUSE_SECONDS = 1.0, 1.5, 2.5
ROUNDS_AT_LEAST, ROUNDS_AT_MOST = 3, 6
MAY_FALL_TO = 2 / 3
GUESSERS_MAY_MAKE_IT_FALL_TO = 1 / 2
MEMORY_AT_MOST = 384 << 20          # the budgets of all parts together are some 300 MB (docs/performance.md)
MORE_AT_LAST = 32 << 20             # after some rounds: 1,000 clients that each leave 32 KiB behind
PATIENCE_SECONDS = 30
LISTENERS = {"relay": {}, "starttls": {"tls": "starttls"}, "implicit": {"tls": "implicit"}}
AUTH_LISTENERS = LISTENERS | {"implicit": {"tls": "implicit", "auth": "optional"}}
SETTINGS = {"limits": {"connections": 3_000}}
GUESSERS = ["guess"]
OTHERS = [name for name in KINDS if name != "guess"]


class Abusers:
    def __init__(self, trial: Trial, kinds: list[str]) -> None:
        self.done: dict[str, int] = {}
        self._trial = trial
        self._kinds = kinds
        self._process: Optional[asyncio.subprocess.Process] = None

    async def __aenter__(self) -> Abusers:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("abusers.py")), str(ABUSERS), str(SHARE),
            ",".join(self._kinds), json.dumps(self._trial.ports), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE)
        equal("the abusers", await self._line(), b"ready\n")
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            if kind is None:
                self._process.stdin.close()
                self.done = json.loads(await self._line())
        finally:
            if self._process.returncode is None and kind is not None:
                self._process.kill()
            await self._process.wait()

    async def _line(self) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.stdout.readline()


async def _play(trial: Trial, kinds: list[str], may_fall_to: float) -> None:
    trial.sink.keep = False
    async with HonestLoad(trial) as load:
        rounds = Rounds(trial, load, kinds, may_fall_to)
        await rounds.run()
    await trial.drained()
    trial.facts |= rounds.facts
    equal("honest messages at the sink", sum(1 for each in trial.sink.messages if each.sender.startswith("honest")),
          load.taken)
    rounds.judge()


class Rounds:
    """Seconds without the abusers and seconds with them, in turn, so that a machine that is busy with something else
    disturbs both alike. More rounds where the first do not show that all is well."""

    def __init__(self, trial: Trial, load: HonestLoad, kinds: list[str], may_fall_to: float) -> None:
        self.facts: dict[str, object] = {}
        self._trial = trial
        self._load = load
        self._kinds = kinds
        self._may_fall_to = may_fall_to
        self._quiet: list[Phase] = []
        self._amid: list[Phase] = []
        self._memory: list[int] = []        # before, and after each round

    async def run(self) -> None:
        await self._load.measure(WARM_UP_SECONDS)
        self._quiet.append(await self._load.measure(QUIET_SECONDS))
        pid = self._trial.program.pid
        self._memory.append(process_facts.resident(pid))
        sockets = process_facts.sockets(pid)
        process_facts.reset_peak(pid)
        while len(self._amid) < ROUNDS_AT_LEAST or (self.left < self._may_fall_to and len(self._amid) < ROUNDS_AT_MOST):
            async with Abusers(self._trial, self._kinds) as abusers:
                self._amid.append(await self._load.measure(ABUSE_SECONDS))
            await _sockets_fall_to(self._trial, sockets)
            self._quiet.append(await self._load.measure(QUIET_SECONDS))
            self._memory.append(process_facts.resident(pid))
            self.facts[f"abusers of round {len(self._amid)}"] = abusers.done
        self.facts |= {"in quiet": together(self._quiet), "amid abuse": together(self._amid),
                       "left": f"{100 * self.left:.0f} %",
                       "memory": " ".join(map(process_facts.mib, self._memory)) + " before and after each round, " +
                                 process_facts.mib(process_facts.peak(pid)) + " at most"}

    @property
    def left(self) -> float:
        return together(self._amid).rate / together(self._quiet).rate

    def judge(self) -> None:
        grown = self._memory[-1] - self._memory[-2]
        check(grown < MORE_AT_LAST, f"memory: the last round of abuse leaves {process_facts.mib(grown)} behind")
        check(self._memory[-1] < MEMORY_AT_MOST, f"memory: {process_facts.mib(self._memory[-1])}")
        check(self.left > self._may_fall_to, f"honest mail fell to {100 * self.left:.0f} %")


async def _sockets_fall_to(trial: Trial, wanted: int) -> None:
    """Some connections to the sink may have been opened meanwhile; they are kept for a while."""
    allowed = wanted + HONEST
    have = 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (have := process_facts.sockets(trial.program.pid)) > allowed:
                await trial.pulse.let_pass(0.05)
    except TimeoutError as error:
        raise Failed(f"{have} sockets are open after the abuse, {wanted} were before") from error


async def of_all_kinds(trial: Trial) -> None:
    await _play(trial, OTHERS, MAY_FALL_TO)


async def of_guessers(trial: Trial) -> None:
    """Each guess costs what the program's own hashes cost, and a handshake on both sides, which the abusers make on
    the same processors: honest mail may fall further than by what costs nothing."""
    trial.write_users_file(await trial.program.passwd("shop", "secret"))
    await trial.hang_up("users file read again")
    await _play(trial, GUESSERS, GUESSERS_MAY_MAKE_IT_FALL_TO)


CASES = (
    Case("1,000 abusive clients of 15 kinds beside 20 honest ones", "pitfall 82 pitfall 89 pitfall 93", of_all_kinds,
         LISTENERS, SETTINGS, measures=True),
    Case("1,000 clients that guess passwords beside 20 honest ones", "AUTH pitfall 82", of_guessers, AUTH_LISTENERS,
         SETTINGS, users={"shop": "secret"}, measures=True),
)
