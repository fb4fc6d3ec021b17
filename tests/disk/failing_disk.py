"""Writes and syncs that fail, or take their time."""

from __future__ import annotations

from typing import Callable

from case import WARM_UP_LETTERS, Trial, check

STATUS_SECONDS = 5
ANSWER_SECONDS = 10
STALL_MILLISECONDS, STALL_SEEN_SECONDS = 2000, 20
SYNC_MILLISECONDS, SHORT_SYNC_MILLISECONDS = 400, 120


async def errors(trial: Trial) -> None:
    """Clients are told 451 4.3.0 until the trouble ends, then their mail is taken again; a kill loses nothing."""
    await trial.start()
    async with trial.under_load():
        await trial.acknowledged(WARM_UP_LETTERS)
        for fail in (trial.faults.fail_all, trial.faults.fail_syncs):
            await _fail_and_heal(trial, fail)
        await trial.acknowledged(WARM_UP_LETTERS)
        await trial.kill()
        await trial.start()
    await trial.drain()


async def _fail_and_heal(trial: Trial, fail: Callable[[], None]) -> None:
    since = trial.now()
    fail()
    await trial.refused(30 if trial.long else 10)
    status = await trial.rig.status()
    check(not status["healthy"], f"fulmar status calls a spool healthy that does not write: {status}")
    if trial.long:
        await trial.rig.world.pulse.let_pass(15)
    trial.faults.heal()
    healed = trial.now()
    await trial.accepts_again(healed)
    trial.rig.ledger.disk_failed(since, trial.now())
    trial.check_refusals(("451 4.3.0",), since)


async def _stall(trial: Trial) -> None:
    trial.faults.slow_down(STALL_MILLISECONDS)
    since = trial.now()
    status = await trial.rig.status()
    while not status["spool"]["stalled"] and trial.now() - since < STALL_SEEN_SECONDS:
        await trial.rig.world.pulse.let_pass(0.1)
        status = await trial.rig.status()
    trial.faults.heal()
    check(status["spool"]["stalled"] and not status["healthy"], f"a sync that takes long is no stall: {status}")
    check(status["counters"]["store_stalled_ms"] > 1000, f"a stall that is not counted: {status}")


async def slow_syncs(trial: Trial) -> None:
    """Each sync takes long: sessions are answered in time, outbound ones go on, the operator gets answers, and is told
    when writes are stalled."""
    trial.faults.slow_down(SYNC_MILLISECONDS if trial.long else SHORT_SYNC_MILLISECONDS)
    await trial.start()
    async with trial.under_load():
        for _ in range(20 if trial.long else 2):
            await trial.acknowledged(10)
            asked = trial.now()
            await trial.rig.status()
            check(trial.now() - asked < STATUS_SECONDS, f"fulmar status took {trial.now() - asked:.1f} s")
        await _stall(trial)
    await trial.drain()
    check(trial.rig.load.slowest < ANSWER_SECONDS, f"a client waited {trial.rig.load.slowest:.1f} s for a reply")
    trial.check_refusals(("4",))
    trial.facts["longest wait for a reply"] = f"{trial.rig.load.slowest:.1f} s"
    trial.facts["of a large letter"] = f"{trial.rig.load.slowest_large:.1f} s"
    trial.facts["acknowledged for one sync"] = f"{len(trial.rig.load.acknowledged_at) / max(trial.faults.syncs(), 1):.1f}"
