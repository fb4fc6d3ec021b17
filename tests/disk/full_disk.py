"""A disk without room: on a small file system, filled by a file that is removed again."""

from __future__ import annotations

import os

from case import WARM_UP_LETTERS, Case, Trial, check

SMALL, ROOMY = 150, 420     # MiB; in the larger one the database may be opened again once there is room
LEFT = 7                    # MiB that the filler leaves to the load
LESS = 50                   # MiB by which it then undercuts the reserve
FULL = ("452 4.3.1",)


class _Filler:
    """Takes the room of a file system but for `left` MiB."""

    def __init__(self, trial: Trial, left: int) -> None:
        self._state = trial.state
        self._path = trial.state / "filler"
        self._path.touch()
        self.grow(left)

    def grow(self, left: int) -> None:
        """Takes what has become free since, too."""
        room = os.statvfs(self._state)
        more = room.f_bavail * room.f_frsize - (left << 20)
        if more > 0:
            with self._path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), self._path.stat().st_size, more)

    def remove(self) -> None:
        self._path.unlink()


async def below_the_reserve(trial: Trial) -> None:
    """New mail is refused at MAIL while the queue drains; with room again, mail is accepted."""
    await trial.rig.close_hosts()
    await trial.start()
    async with trial.under_load():
        await trial.acknowledged(WARM_UP_LETTERS)
        filler = _Filler(trial, RESERVE + LEFT)
        await trial.refused(30)
        trial.check_refusals(FULL)
        told = "mail refused: too little free space for the spool"
        check(any(told in line and "free_bytes=" in line and str(trial.state) in line
                  for line in trial.rig.daemon.lines), "the log does not say that there is too little space, and where")
        waiting = trial.rig.ledger.backlog
        await trial.rig.open_hosts()

        def drained() -> bool:
            filler.grow(RESERVE - LESS)  # else what the queue gives back would be room for new mail
            return trial.rig.ledger.backlog == 0

        await trial.rig.world.pulse.until(drained, 60, "the queue drains on a full disk")
        trial.facts["recipients served while it was full"] = waiting
        since = trial.now()
        await trial.refused(5)
        check(not any(at > since for at in trial.rig.load.acknowledged_at), "mail was accepted below the reserve")
        filler.remove()
        await trial.accepts_again(trial.now())
        await trial.acknowledged(WARM_UP_LETTERS)
    await trial.drain()


async def without_a_reserve(trial: Trial) -> None:
    """The engine itself meets the end of the disk."""
    await trial.rig.close_hosts()
    await trial.start()
    async with trial.under_load():
        await trial.acknowledged(WARM_UP_LETTERS)
        filler = _Filler(trial, LEFT)
        since = trial.now()
        await trial.refused(60 if trial.long else 30)
        await trial.rig.open_hosts()
        if trial.long:
            await trial.rig.world.pulse.let_pass(20)
        status = await trial.rig.status()
        check(not status["healthy"], f"fulmar status calls a full spool healthy: {status}")
        filler.remove()
        await trial.accepts_again(trial.now())
        trial.rig.ledger.disk_failed(since, trial.now())
        trial.check_refusals((*FULL, "451 4.3.0"))
        full = [refusal for refusal in trial.rig.load.refusals if refusal.reply.startswith(FULL)]
        check(bool(full), f"nobody was told {FULL[0]}: {trial.rig.load.refusals[:3]}")
        await trial.acknowledged(WARM_UP_LETTERS)
        await trial.kill()
        await trial.start()
    await trial.drain()


RESERVE = 200       # MB: above what the engine needs to write its memtables down
ROOM_ENDS = r"message not stored|cannot be written|cannot be stored|cannot be noted"
CASES = (
    Case("pitfall_88 the reserve is reached", below_the_reserve, "nothing", small_disk=ROOMY,
         settings={"limits": {"spool_reserve": f"{RESERVE}MB"}}),
    Case("pitfall_97 the disk is full, a small one", without_a_reserve, ROOM_ENDS, small_disk=SMALL,
         settings={"limits": {"spool_reserve": "1KB"}}),
    Case("pitfall_97 the disk is full, a roomy one", without_a_reserve, ROOM_ENDS, small_disk=ROOMY,
         settings={"limits": {"spool_reserve": "1KB"}}, long_only=True),
)
