"""The power goes: of each file only what was synced is left."""

from __future__ import annotations

from case import Trial, check

LETTERS_BETWEEN = (5, 60)


async def power_cuts(trial: Trial) -> None:
    """Every acknowledged letter arrives; what is lost is work, which shows as second copies."""
    chance = trial.rig.chance("power")
    dropped = []
    async with trial.under_load():
        for _ in range(40 if trial.long else 6):
            await trial.start()
            await trial.acknowledged(chance.randint(*LETTERS_BETWEEN))
            run = trial.rig.daemon.run
            trial.rig.ledger.power_cut(run, await trial.rig.daemon.kill())
            dropped.append(trial.faults.cut_power())
        await trial.start()
    await trial.drain()
    check(any(dropped), "no power cut took anything: nothing was tested")
    trial.facts["octets that were not synced"] = f"{max(dropped)} at most, in {sum(map(bool, dropped))} of {len(dropped)} cuts"
