#!/usr/bin/python3
"""The verdict sees what it is there to see: a crash test that cannot fail would be worth nothing."""

from __future__ import annotations

import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from ledger import OVERTAKING_SECONDS, SETTLED_AFTER_SECONDS, Copy, Ledger, Letter, Notice, Verdict  # noqa: E402
from letters import LetterMaker, digest_of, number_of, read_notice, sender_of, unstuffed  # noqa: E402

A, B, BAD = "ok-1-0@left.test", "ok-1-1@right.test", "no-1-2@left.test"
KILLED_AT = 100.0
SOON = 0.01


def verdict_of(*arrivals: tuple[str, Copy], recipients: tuple[str, ...] = (A,), acknowledged: bool = True,
               digest: str = "good", removed_in: int = 0, removed_other: float = 0.0) -> Verdict:
    """Of letter 1, acknowledged in run 1, which was killed at KILLED_AT. Arrivals at BAD are notices; their `what` is
    the id. `removed_other`: when another letter of that run got its reply, whose outcome was surely stored."""
    ledger = Ledger()
    ledger.will_send(Letter(1, recipients, frozenset({BAD}) & frozenset(recipients), "good"))
    ledger.queued(1, "ID1")
    if acknowledged:
        ledger.acknowledged(1)
    for what, copy in arrivals:
        if "@" in what:
            ledger.arrived(copy, 1, what, digest)
        else:
            ledger.notice_arrived(copy, Notice(what, 1, (BAD,)), whole=True)
    ledger.killed(1, KILLED_AT)
    if removed_in:
        ledger.removed("ID1", removed_in)
    if removed_other:
        add_settled_letter(ledger, removed_other)
    return ledger.verdict()


def add_settled_letter(ledger: Ledger, replied_at: float) -> None:
    other = "ok-2-0@left.test"
    ledger.will_send(Letter(2, (other,), frozenset(), "other"))
    ledger.queued(2, "ID2")
    ledger.acknowledged(2)
    ledger.arrived(Copy(1, replied_at, replied_at), 2, other, "other")
    ledger.removed("ID2", 1)


def brought(run: int, replied_at: float = KILLED_AT - SOON) -> Copy:
    return Copy(run, replied_at - SOON, replied_at)


class Outcomes(unittest.TestCase):
    def test_delivered_once_is_good(self) -> None:
        verdict = verdict_of((A, brought(1)), (B, brought(2)), recipients=(A, B))
        self.assertTrue(verdict.good, verdict.problems)
        self.assertEqual((verdict.acknowledged, verdict.delivered), (1, 2))

    def test_an_acknowledged_letter_that_never_arrives_is_lost(self) -> None:
        verdict = verdict_of()
        self.assertEqual(verdict.lost, 1)
        self.assertFalse(verdict.good)

    def test_one_recipient_of_two_may_be_lost(self) -> None:
        verdict = verdict_of((A, brought(1)), recipients=(A, B))
        self.assertEqual(verdict.lost, 1)
        self.assertIn(B, verdict.problems[0])

    def test_a_letter_without_250_may_be_missing(self) -> None:
        self.assertTrue(verdict_of(acknowledged=False).good)

    def test_a_letter_without_250_may_arrive(self) -> None:
        verdict = verdict_of((A, brought(2)), acknowledged=False)
        self.assertTrue(verdict.good)
        self.assertEqual(verdict.unacknowledged_arrived, 1)

    def test_a_letter_without_250_may_not_arrive_for_some_only(self) -> None:
        self.assertEqual(verdict_of((A, brought(2)), recipients=(A, B), acknowledged=False).lost, 1)

    def test_other_content_is_damage(self) -> None:
        verdict = verdict_of((A, brought(1)), digest="bad")
        self.assertEqual(verdict.damaged, 1)
        self.assertFalse(verdict.good)

    def test_other_content_of_a_letter_without_250_is_damage_too(self) -> None:
        self.assertEqual(verdict_of((A, brought(1)), digest="bad", acknowledged=False).damaged, 1)

    def test_a_letter_at_somebody_elses_is_stray(self) -> None:
        verdict = verdict_of((A, brought(1)), (B, brought(1)))
        self.assertEqual(verdict.stray, 1)
        self.assertFalse(verdict.good)

    def test_the_backlog_is_what_is_acknowledged_and_open(self) -> None:
        ledger = Ledger()
        ledger.will_send(Letter(1, (A, B), frozenset(), "good"))
        self.assertEqual(ledger.backlog, 0)
        ledger.arrived(brought(1), 1, A, "good")
        ledger.acknowledged(1)
        self.assertEqual(ledger.backlog, 1)
        ledger.arrived(brought(1), 1, B, "good")
        self.assertEqual(ledger.backlog, 0)


class Duplicates(unittest.TestCase):
    def assert_excused(self, verdict: Verdict) -> None:
        self.assertTrue(verdict.good, verdict.problems)
        self.assertEqual((verdict.duplicates_in_flight, verdict.duplicates_unexplained), (1, 0))

    def assert_unexplained(self, verdict: Verdict) -> None:
        self.assertFalse(verdict.good)
        self.assertEqual((verdict.duplicates_in_flight, verdict.duplicates_unexplained), (0, 1))

    def test_a_kill_right_after_the_reply_excuses_a_second_copy(self) -> None:
        self.assert_excused(verdict_of((A, brought(1)), (A, brought(2))))

    def test_so_does_one_between_final_dot_and_reply(self) -> None:
        self.assert_excused(verdict_of((A, Copy(1, KILLED_AT - 1)), (A, brought(2))))

    def test_the_same_run_may_not_bring_it_again(self) -> None:
        self.assert_unexplained(verdict_of((A, brought(1)), (A, brought(1))))

    def test_nor_a_later_one_when_the_first_was_not_killed(self) -> None:
        self.assert_unexplained(verdict_of((A, brought(2)), (A, brought(3))))

    def test_nor_when_the_reply_was_long_before_the_kill(self) -> None:
        long_before = KILLED_AT - SETTLED_AFTER_SECONDS - 0.1
        self.assert_unexplained(verdict_of((A, brought(1, long_before)), (A, brought(2))))

    def test_nor_when_the_log_said_that_it_is_removed(self) -> None:
        self.assert_unexplained(verdict_of((A, brought(1)), (A, brought(2)), removed_in=1))

    def test_removed_by_the_run_that_brought_the_second_copy_says_nothing_about_the_first(self) -> None:
        self.assert_excused(verdict_of((A, brought(1)), (A, brought(2)), removed_in=2))

    def test_nor_when_an_outcome_from_later_was_stored(self) -> None:
        reply = KILLED_AT - 2 * OVERTAKING_SECONDS
        self.assert_unexplained(verdict_of((A, brought(1, reply)), (A, brought(2)),
                                           removed_other=reply + OVERTAKING_SECONDS + SOON))

    def test_an_outcome_from_the_same_time_proves_nothing(self) -> None:
        reply = KILLED_AT - 2 * OVERTAKING_SECONDS
        self.assert_excused(verdict_of((A, brought(1, reply)), (A, brought(2)), removed_other=reply + SOON))


class Notices(unittest.TestCase):
    def test_a_refused_recipient_needs_a_notice(self) -> None:
        self.assertEqual(verdict_of(recipients=(BAD,)).lost, 1)

    def test_one_notice_is_good(self) -> None:
        verdict = verdict_of(("N1", brought(1)), recipients=(BAD,))
        self.assertTrue(verdict.good, verdict.problems)
        self.assertEqual((verdict.bounced, verdict.notices), (1, 1))

    def test_the_same_notice_may_come_again_around_a_kill(self) -> None:
        verdict = verdict_of(("N1", brought(1)), ("N1", brought(2)), recipients=(BAD,))
        self.assertTrue(verdict.good, verdict.problems)
        self.assertEqual(verdict.duplicates_in_flight, 1)

    def test_but_not_in_the_same_run(self) -> None:
        verdict = verdict_of(("N1", brought(1)), ("N1", brought(1)), recipients=(BAD,))
        self.assertEqual(verdict.duplicates_unexplained, 1)

    def test_a_different_notice_is_never_excused(self) -> None:
        verdict = verdict_of(("N1", brought(1)), ("N2", brought(2)), recipients=(BAD,))
        self.assertEqual(verdict.duplicates_unexplained, 1)
        self.assertFalse(verdict.good)

    def test_a_notice_about_somebody_who_was_not_refused_is_stray(self) -> None:
        self.assertEqual(verdict_of((A, brought(1)), ("N1", brought(1))).stray, 1)

    def test_a_refused_recipient_who_gets_the_letter_is_stray(self) -> None:
        self.assertEqual(verdict_of((BAD, brought(1)), ("N1", brought(1)), recipients=(BAD,)).stray, 1)

    def test_a_notice_that_is_cut_off_is_damage(self) -> None:
        golden = Path(__file__).resolve().parents[1] / "golden" / "notice-failed-remote-permanent.en.eml"
        content = golden.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        notice, whole = read_notice(1, content)
        self.assertTrue(whole)
        self.assertEqual((notice.id, notice.names), ("041061050W3GG28A1C60", ("bob@b.example",)))
        self.assertFalse(read_notice(1, content[:-40])[1])


class Contents(unittest.TestCase):
    def setUp(self) -> None:
        self.letter, self.wire = LetterMaker(random.Random(1)).next()

    def test_what_the_relay_puts_in_front_changes_nothing(self) -> None:
        self.assertEqual(digest_of(b"Received: from a\r\n\tby b\r\n" + unstuffed(self.wire)), self.letter.digest)

    def test_dots_are_stuffed(self) -> None:
        self.assertIn(b"\r\n..", self.wire)

    def test_one_changed_octet_is_seen(self) -> None:
        middle = len(self.wire) // 2
        changed = self.wire[:middle] + bytes([self.wire[middle] ^ 1]) + self.wire[middle + 1:]
        self.assertNotEqual(digest_of(unstuffed(changed)), self.letter.digest)

    def test_a_missing_end_is_seen(self) -> None:
        self.assertNotEqual(digest_of(unstuffed(self.wire)[:-77]), self.letter.digest)

    def test_the_senders_address_names_the_letter(self) -> None:
        self.assertEqual(number_of(sender_of(17)), 17)
        self.assertIsNone(number_of("17@elsewhere.test"))


class FailingDisks(unittest.TestCase):
    """What a disk in trouble excuses, and what it does not."""

    def ledger(self, replied_at: float, again_in: int) -> Ledger:
        ledger = Ledger()
        ledger.will_send(Letter(1, (A,), frozenset(), "good"))
        ledger.queued(1, "ID1")
        ledger.acknowledged(1)
        for copy in (brought(1, replied_at), brought(again_in, KILLED_AT + 1)):
            ledger.arrived(copy, 1, A, "good")
        return ledger

    def test_an_outcome_that_could_not_be_stored_may_come_again_in_the_same_run(self) -> None:
        ledger = self.ledger(KILLED_AT, again_in=1)
        self.assertFalse(ledger.verdict().good)
        ledger.disk_failed(KILLED_AT - 1, KILLED_AT + 1)
        self.assertTrue(ledger.verdict().good, ledger.verdict().problems)

    def test_what_came_before_the_trouble_may_not(self) -> None:
        ledger = self.ledger(KILLED_AT - 10, again_in=1)
        ledger.disk_failed(KILLED_AT, KILLED_AT + 1)
        self.assertFalse(ledger.verdict().good)

    def test_a_power_cut_may_take_a_removal_that_was_told(self) -> None:
        ledger = self.ledger(KILLED_AT - SOON, again_in=2)
        ledger.removed("ID1", 1)
        ledger.killed(1, KILLED_AT)
        self.assertFalse(ledger.verdict().good)
        ledger.power_cut(1, KILLED_AT)
        self.assertTrue(ledger.verdict().good, ledger.verdict().problems)

    def test_but_not_an_old_one(self) -> None:
        ledger = self.ledger(KILLED_AT - 2 * SETTLED_AFTER_SECONDS, again_in=2)
        ledger.power_cut(1, KILLED_AT)
        self.assertFalse(ledger.verdict().good)

    def test_a_letter_in_damaged_octets_may_be_lost_or_come_back_and_no_other(self) -> None:
        for destroyed, good in ((1, True), (2, False)):
            ledger = Ledger()
            ledger.will_send(Letter(1, (A, B), frozenset(), "good"))
            ledger.acknowledged(1)
            ledger.destroyed([destroyed])
            ledger.notice_arrived(brought(1), Notice("N1", 1, (A,)), whole=True)
            self.assertEqual(ledger.verdict().good, good)
            self.assertEqual(ledger.verdict().destroyed, 1 if good else 0)


if __name__ == "__main__":
    unittest.main()
