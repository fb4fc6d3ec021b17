"""What was acknowledged, what arrived, and the verdict. Pure: no sockets, no processes, no clock.

A letter is what a client handed over. The promise under test: once its final dot got 250, each of its recipients gets
it whole, or its sender gets one notice that says why not. A second copy is excused only where a kill can explain it:
the mail host had the final dot, and the program died before it surely had the host's reply in its spool. A letter
without 250 may be there or not, but never for some of its recipients only.

A disk that fails excuses more: a second copy of what was brought while outcomes could not be stored, or just before a
power cut; and a letter that stood in octets which the test itself has damaged.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Iterable, Optional

# The spool is written in the order in which outcomes are handed to it. So what a host answered this long before
# something whose outcome was stored is stored too, however slow the disk.
OVERTAKING_SECONDS = 0.25
# Where no such proof is at hand: how long storing may take. `Verdict.oldest_in_flight` says how long it took in fact.
SETTLED_AFTER_SECONDS = 2.0


@dataclass(frozen=True)
class Letter:
    number: int
    recipients: tuple[str, ...]
    refused: frozenset[str]     # of these: those whose mail host says 5yz
    digest: str


@dataclass
class Copy:
    """One message that a mail host took: its final dot came, and the reply was to be 250."""

    run: int                    # of the program: who brought it
    dot_at: float
    replied_at: Optional[float] = None


@dataclass
class Notice:
    """What a notice says; it may come more than once."""

    id: str
    number: int                 # of the letter whose sender got it
    names: tuple[str, ...]      # recipients it says failed
    copies: list[Copy] = field(default_factory=list)


@dataclass
class Verdict:
    acknowledged: int = 0
    unacknowledged: int = 0
    unacknowledged_arrived: int = 0
    delivered: int = 0                    # recipients who got their letter
    bounced: int = 0                      # recipients whose sender was told
    notices: int = 0                      # different ones
    lost: int = 0                         # recipients with neither
    destroyed: int = 0                    # recipients with neither, whose letter stood in octets that were damaged
    damaged: int = 0
    stray: int = 0                        # what nobody sent, or not to them
    duplicates_in_flight: int = 0
    answered_before_the_kill: int = 0     # of those
    duplicates_unexplained: int = 0
    oldest_in_flight: float = 0.0         # from the host's reply to the kill, of those duplicates
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems


class Ledger:
    def __init__(self) -> None:
        self._letters: dict[int, Letter] = {}
        self._acknowledged: set[int] = set()
        self._copies: dict[tuple[int, str], list[Copy]] = defaultdict(list)
        self._notices: dict[str, Notice] = {}
        self._told: dict[tuple[int, str], set[str]] = defaultdict(set)   # ids of the notices that name a recipient
        self._awaited: set[tuple[int, str]] = set()
        self._queue_ids: dict[int, str] = {}
        self._removed_in: dict[str, int] = {}
        self._killed_at: dict[int, float] = {}
        self._settled_until: dict[int, float] = {}
        self._power_cut: set[int] = set()
        self._troubles: list[tuple[float, float]] = []
        self._destroyed: set[int] = set()
        self._damaged: list[str] = []
        self._stray: list[str] = []

    # What the client knows.

    def will_send(self, letter: Letter) -> None:
        self._letters[letter.number] = letter

    def acknowledged(self, number: int) -> None:
        self._acknowledged.add(number)
        self._awaited |= {(number, recipient) for recipient in self._letters[number].recipients
                          if not self._has_outcome(number, recipient)}

    # What the program says.

    def queued(self, number: int, queue_id: str) -> None:
        self._queue_ids[number] = queue_id

    def removed(self, queue_id: str, run: int) -> None:
        """Its last outcome is stored: it must not be sent again."""
        self._removed_in.setdefault(queue_id, run)

    def killed(self, run: int, at: float) -> None:
        self._killed_at[run] = at

    def power_cut(self, run: int, at: float) -> None:
        """Killed, and what was not synced is gone: an outcome may be, however clearly the log told it."""
        self.killed(run, at)
        self._power_cut.add(run)

    def disk_failed(self, since: float, until: float) -> None:
        """Outcomes of this time may not be stored."""
        self._troubles.append((since - SETTLED_AFTER_SECONDS, until + SETTLED_AFTER_SECONDS))

    def destroyed(self, numbers: Iterable[int]) -> None:
        """These letters stood in octets that were damaged: they may be gone, or come again."""
        self._destroyed |= set(numbers)

    def queue_ids(self) -> dict[str, int]:
        """Of the letters that are known to be queued, with their numbers."""
        return {queue_id: number for number, queue_id in self._queue_ids.items()}

    # What mail hosts took.

    def arrived(self, copy: Copy, number: int, recipient: str, digest: str) -> None:
        letter = self._letters.get(number)
        if letter is None or recipient not in letter.recipients or recipient in letter.refused:
            self._stray.append(f"letter {number} came to {recipient}")
            return
        if digest != letter.digest:
            self._damaged.append(f"letter {number} came to {recipient} with other content")
        self._copies[number, recipient].append(copy)
        self._awaited.discard((number, recipient))

    def notice_arrived(self, copy: Copy, notice: Notice, whole: bool) -> None:
        if not whole:
            self._damaged.append(f"notice {notice.id} about letter {notice.number} is not whole")
        letter = self._letters.get(notice.number)
        if letter is None or not notice.names or not set(notice.names) <= self._may_fail(letter):
            self._stray.append(f"notice {notice.id} about letter {notice.number} names {' '.join(notice.names)}")
            return
        self._notices.setdefault(notice.id, notice).copies.append(copy)
        for recipient in notice.names:
            self._told[notice.number, recipient].add(notice.id)
            self._awaited.discard((notice.number, recipient))

    def _may_fail(self, letter: Letter) -> frozenset[str]:
        return frozenset(letter.recipients) if letter.number in self._destroyed else letter.refused

    # What follows.

    @property
    def backlog(self) -> int:
        """Recipients of acknowledged letters with no outcome yet."""
        return len(self._awaited)

    def verdict(self) -> Verdict:
        verdict = Verdict(acknowledged=len(self._acknowledged), notices=len(self._notices),
                          unacknowledged=len(self._letters) - len(self._acknowledged),
                          delivered=len(self._copies), bounced=len(self._told),
                          damaged=len(self._damaged), stray=len(self._stray), problems=self._damaged + self._stray)
        self._settled_until = self._find_settled()
        for letter in self._letters.values():
            self._judge_outcomes(letter, verdict)
        for (number, recipient), copies in self._copies.items():
            if number in self._destroyed:
                continue
            what = f"letter {number} for {recipient}"
            self._judge_copies(what, self._queue_ids.get(number), copies, verdict)
        for notice in self._notices.values():
            self._judge_copies(f"notice {notice.id} about letter {notice.number}", notice.id, notice.copies, verdict)
        for (number, recipient), ids in self._told.items():
            # Outcome and notice are stored as one, so no kill explains a second notice.
            copies = [copy for id in ids for copy in self._notices[id].copies]
            again = 0 if any(map(self._in_trouble, copies)) else len(ids) - 1
            self._unexplained(verdict, again,
                              f"letter {number}: different notices name {recipient}: {sorted(ids)}")
        return verdict

    def _has_outcome(self, number: int, recipient: str) -> bool:
        return (number, recipient) in self._copies or (number, recipient) in self._told

    def _find_settled(self) -> dict[int, float]:
        """By run: the latest reply whose outcome is known to be stored."""
        settled: dict[int, float] = defaultdict(float)
        for (number, _), copies in self._copies.items():
            removed_in = self._removed_in.get(self._queue_ids.get(number, ""))
            for copy in copies:
                if copy.run == removed_in and copy.replied_at is not None:
                    settled[copy.run] = max(settled[copy.run], copy.replied_at)
        return settled

    def _judge_outcomes(self, letter: Letter, verdict: Verdict) -> None:
        missing = [recipient for recipient in letter.recipients if not self._has_outcome(letter.number, recipient)]
        acknowledged = letter.number in self._acknowledged
        arrived = len(missing) < len(letter.recipients)
        verdict.unacknowledged_arrived += not acknowledged and arrived
        if not missing or not (acknowledged or arrived):
            return
        if letter.number in self._destroyed:
            verdict.destroyed += len(missing)
            return
        state = "was acknowledged" if acknowledged else "arrived for others"
        verdict.lost += len(missing)
        verdict.problems.append(f"letter {letter.number} ({self._queue_ids.get(letter.number, 'no queue id')}) {state} "
                                f"and is lost for {' '.join(missing)}")

    def _judge_copies(self, what: str, queue_id: Optional[str], copies: Iterable[Copy], verdict: Verdict) -> None:
        in_order = sorted(copies, key=lambda copy: (copy.run, copy.dot_at))
        for first, second in zip(in_order, in_order[1:]):
            if self._may_come_again(first, second, queue_id):
                verdict.duplicates_in_flight += 1
                if first.run in self._killed_at:
                    verdict.answered_before_the_kill += self._age_at_kill(first) > 0
                    verdict.oldest_in_flight = max(verdict.oldest_in_flight, self._age_at_kill(first))
            else:
                self._unexplained(verdict, 1, f"{what} ({queue_id}) came again: {first}, then {second}, run "
                                              f"{first.run} killed at {self._killed_at.get(first.run)}")

    def _may_come_again(self, first: Copy, second: Copy, queue_id: Optional[str]) -> bool:
        if self._in_trouble(first):
            return True
        if first.run == second.run or first.run not in self._killed_at:
            return False
        if first.run in self._power_cut:
            return self._age_at_kill(first) <= SETTLED_AFTER_SECONDS
        if queue_id is not None and self._removed_in.get(queue_id, second.run) < second.run:
            return False
        if first.replied_at is None:
            return True
        overtaken = self._settled_until.get(first.run, 0.0) - first.replied_at > OVERTAKING_SECONDS
        return not overtaken and self._age_at_kill(first) <= SETTLED_AFTER_SECONDS

    def _in_trouble(self, copy: Copy) -> bool:
        return any(since <= (copy.replied_at or copy.dot_at) <= until for since, until in self._troubles)

    def _age_at_kill(self, copy: Copy) -> float:
        """For how long the program may have had the reply when it was killed."""
        return 0.0 if copy.replied_at is None else self._killed_at[copy.run] - copy.replied_at

    @staticmethod
    def _unexplained(verdict: Verdict, count: int, problem: str) -> None:
        verdict.duplicates_unexplained += count
        if count:
            verdict.problems.append(problem)
