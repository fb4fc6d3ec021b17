"""What is looked at or tried once more before it counts, and what [failure] says becomes of the mail then."""

from __future__ import annotations

from typing import Any

from ca import SELF_SIGNED
from expect import Bounced, Delivered, equal
from scenario import Scenario
from sites import Host, Policy, Site, Smtp, StartTls, always
from trial import Trial

EE = ("3 1 1",)
WRONG = ("3 1 1 wrong",)
OTHER_RECORD = f"3 1 1 {'00' * 32}"
FEW = Smtp(starttls=StartTls.FEW_GROUPS)
NOT_NOW = Smtp(starttls=StartTls.REFUSED_454)
RECORD = "_25._tcp.mx"
UNUSABLE_RECORD = f"1 1 1 {'00' * 32}"
LONG_TTL = 3600
TTL_SECONDS = 2.1    # of records with a TTL of one second; caches count in whole ones
# Retries, and looks at a policy that failed before, from second to second.
AGAIN_SOON = {"retry": {"intervals": ["1s"]}, "mta_sts": {"failed_fetch_backoff": "1s", "recheck_interval": "1s"}}


def action(name: str) -> dict[str, dict[str, Any]]:
    return {"failure": {name: {"action": "bounce"}}}


async def _delivered_before(trial: Trial) -> None:
    """A first message, so that the records are in the cache."""
    await Delivered("dane", explained=False)(trial)
    assert _lookups(trial) > 0, "the TLSA records were never asked for"


def _lookups(trial: Trial) -> int:
    """A resolver asks again when an answer is slow, as on a busy machine: only growth says something."""
    return trial.world.dns.faulty.asked(f"{RECORD}.{trial.domain}", "TLSA")


async def rolled_over(trial: Trial) -> None:
    """Key and record change; the old record has an hour to live in the cache: the next message goes at once."""
    await _delivered_before(trial)
    issued = trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    trial.world.dns.replace(trial.site, RECORD, "TLSA", issued.tlsa("3 1 1"))
    before = _lookups(trial)
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    assert _lookups(trial) > before, "the TLSA records were not asked for again"


async def rolled_over_for_all(trial: Trial) -> None:
    """Not the first message alone: every one that finds the old record in the cache is delivered at once."""
    await rolled_over(trial)
    again = await trial.send_one()
    equal("tls= of the next", (await trial.attempt(again, "sent")).tls, "dane")
    equal("attempts for the next", len(trial.relay.log.attempts(again)), 1)


async def returned_only_when_fresh(trial: Trial) -> None:
    """dane-mismatch = bounce and a key rollover: the stale record in the cache makes nothing come back."""
    await rolled_over_for_all(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    recipient = await trial.send_one()
    equal("dsn= with a record that is wrong at its source", (await trial.attempt(recipient, "bounced")).dsn, "5.7.5")


async def rolled_over_for_requiretls(trial: Trial) -> None:
    """REQUIRETLS comes back at once when DANE fails: never for a record that only our cache still has."""
    await rolled_over(trial)
    demanding = (await trial.send(requiretls=True))[0]
    equal("tls= with REQUIRETLS", (await trial.attempt(demanding, "sent")).tls, "dane")


async def stale_record(trial: Trial) -> None:
    """The key changes and the record does not: one lookup more, then the mail waits, and both digests are named."""
    await _delivered_before(trial)
    issued = trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    before = _lookups(trial)
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("failed=", attempt.failed, "failed=dane-mismatch")
    assert _lookups(trial) > before, "the TLSA records were not asked for again"
    explanation = await trial.explain()
    for record in (explanation["hosts"][0]["tlsa"]["records"][0], issued.tlsa("3 1 1")):
        assert record in attempt.text, f"{record} is not in the log: {attempt.text}"
    equal("hosts that took it", trial.accepted_by(recipient), [])


async def another_wrong_record(trial: Trial) -> None:
    """The fresh record is another one, and does not match either: it stays a mismatch."""
    await _delivered_before(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    trial.world.dns.replace(trial.site, RECORD, "TLSA", OTHER_RECORD)
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("failed=", attempt.failed, "failed=dane-mismatch")
    assert "00" * 32 in attempt.text, f"the log does not name the fresh record: {attempt.text}"
    equal("hosts that took it", trial.accepted_by(recipient), [])


async def gives_up_by_class(trial: Trial) -> None:
    """The class waits as long as its entry says, and everything else as long as ever."""
    recipient = await trial.send_one()
    other = await trial.send_one(domain=trial.sites[1].zone)
    attempt = await trial.attempt(recipient, "bounced")
    equal("dsn= in the log", attempt.dsn, "5.7.5")
    equal("did it wait first", trial.relay.log.attempts(recipient)[0].status, "deferred")
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.7.5")
    assert "time limit" in notice.raw.decode(), "the notice does not say that time ran out"
    assert not trial.host().saw_mail(), "the host saw an envelope"
    await trial.retry_now(other)
    await trial.attempt(other, "deferred", count=len(trial.relay.log.attempts(other)) + 1)


async def no_record_any_more(trial: Trial) -> None:
    """The key changes, and the record is taken away: with a proof of that, nothing is owed any more."""
    await _delivered_before(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    trial.world.dns.remove(trial.site, RECORD, "TLSA")
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)


async def _certificate_goes_bad(trial: Trial) -> int:
    """A policy that is known, and a host that no longer satisfies it; how often the policy was fetched."""
    await Delivered("sts", explained=False)(trial)
    fetched = len(trial.policy_host().requests)
    assert fetched >= 1, "the policy was never fetched"
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    return fetched


async def policy_fetched_before_the_bounce(trial: Trial) -> None:
    before = await _certificate_goes_bad(trial)
    recipient = await trial.send_one()
    await Bounced("5.7.5").check(trial, recipient)
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    equal("fetches of the policy for it", len(trial.policy_host().requests) - before, 1)


async def most_telling(trial: Trial) -> None:
    """explain --connect names the failure that delivery names."""
    recipient = await trial.send_one()
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=dane-mismatch")
    equal("explain: class", (await trial.explain("--connect"))["failure"]["class"], "dane-mismatch")


async def policy_was_withdrawn(trial: Trial) -> None:
    """The policy host says "none" by now, under the same id: nothing comes back."""
    before = await _certificate_goes_bad(trial)
    trial.policy_host().withdraw()
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    equal("fetches of the policy for it", len(trial.policy_host().requests) - before, 1)


async def _waits(trial: Trial, recipient: str, attempts: int = 1) -> None:
    """So often, since it cannot be known now what the policy is."""
    attempt = await trial.attempt(recipient, "deferred", count=attempts)
    equal("dsn= and failed= in the log", (attempt.dsn, attempt.failed), ("4.7.5", "failed=sts-unknown"))
    equal("hosts that took it", trial.accepted_by(recipient), [])


async def policy_host_down_before_the_bounce(trial: Trial) -> None:
    """What may have been withdrawn is waited for; when it turns out to stand, the mail comes back."""
    await _certificate_goes_bad(trial)
    await trial.policy_host().stop()
    recipient = await trial.send_one()
    await _waits(trial, recipient, attempts=2)
    await trial.policy_host().start()
    equal("dsn= once the policy was seen again", (await trial.attempt(recipient, "bounced")).dsn, "5.7.5")


async def moved_without_a_file(trial: Trial) -> None:
    """New host, new id, and no file yet for it: waits, and goes once the file is there."""
    await Delivered("sts", host="old", explained=False)(trial)
    policy_host, faulty = trial.policy_host(), trial.world.dns.faulty
    new_text = policy_host.text.replace("old.", "new.")
    policy_host.text = "We are moving.\r\n"
    faulty.answer(trial.domain, "MX", f"10 new.{trial.domain}.")
    faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=new;"')
    await trial.pulse.let_pass(TTL_SECONDS)
    recipient = await trial.send_one()
    await _waits(trial, recipient)
    policy_host.text = new_text
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("new")])


async def withdrawn_after_one_came_back(trial: Trial) -> None:
    """The policy was confirmed for one message, which comes back; it is withdrawn just before the next one."""
    await _certificate_goes_bad(trial)
    equal("dsn= of the first", (await trial.attempt(await trial.send_one(), "bounced")).dsn, "5.7.5")
    trial.policy_host().withdraw()
    attempt = await trial.first_attempt(await trial.send_one())
    assert attempt.status in ("sent", "deferred"), f"the second came back: {attempt.line}"


async def from_dane_to_nothing(trial: Trial) -> None:
    """The record in the cache fails, the fresh one is unusable, the policy in the cache fails, and it is withdrawn."""
    await _delivered_before(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    trial.world.dns.replace(trial.site, RECORD, "TLSA", UNUSABLE_RECORD)
    trial.policy_host().withdraw()
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "sent")
    equal("tls= in the log", (attempt.tls, attempt.failed), ("encrypted", ""))
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)


async def not_just_now(trial: Trial) -> None:
    """454 says that TLS is not available at the moment: it is waited for, and the mail goes once it is."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    assert attempt.dsn.startswith("4.7."), f"dsn= in the log: {attempt.dsn}"
    assert not trial.host().saw_mail(), "the host saw an envelope"
    trial.host().behave(Smtp())
    await trial.attempt(recipient, "sent")


async def record_is_gone(trial: Trial) -> None:
    """The host has neither TLS nor TLSA records any more; only our cache has them still."""
    await _delivered_before(trial)
    trial.host().behave(Smtp(starttls=StartTls.ABSENT))
    trial.world.dns.remove(trial.site, RECORD, "TLSA")
    before = _lookups(trial)
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "none")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    assert _lookups(trial) > before, "the TLSA records were not asked for again"


async def waits_for_the_other(trial: Trial) -> None:
    """One host fails DANE for good, the other is busy: it may still be delivered, so nothing comes back."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    trial.host("mx2").behave(Smtp())
    await trial.retry_now(recipient)
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("mx2")])


async def few_groups(trial: Trial, outcome: Delivered) -> None:
    """Two connections for one attempt: the host hangs up on the first, and takes the second."""
    recipient = await trial.send_one()
    await outcome.check(trial, recipient)
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    groups = [visit.groups or 0 for visit in trial.host().visits[:2]]
    assert groups[0] > 3 >= groups[1] > 0, f"groups offered: {groups}"
    probe = (await trial.explain("--connect"))["hosts"][0]["connect"]
    equal("explain: classical_groups", probe.get("classical_groups"), True)
    assert not any(tls is False and line.upper().startswith("MAIL") for visit in trial.host().visits
                   for tls, line in visit.lines), "an envelope was shown in clear"


async def few_groups_sts(trial: Trial) -> None:
    await few_groups(trial, Delivered("sts"))


async def few_groups_dane(trial: Trial) -> None:
    await few_groups(trial, Delivered("dane"))


async def few_groups_plain(trial: Trial) -> None:
    await few_groups(trial, Delivered("encrypted"))


async def many_groups(trial: Trial) -> None:
    """A host that takes the first ClientHello is asked once, and explain says nothing of groups."""
    await Delivered("encrypted")(trial)
    probe = (await trial.explain("--connect"))["hosts"][0]["connect"]
    equal("explain: classical_groups", probe.get("classical_groups"), None)


def rolling(zone: str) -> tuple[Site, ...]:
    return (Site(zone, watched=True, ttl=LONG_TTL, hosts=(Host(cert=SELF_SIGNED, tlsa=EE),)),)


ROLLOVER = (
    Scenario("REQUIRETLS: a record that is stale in the cache alone makes nothing come back", "pitfall-42 REQ-05",
             (Site("rollover-req.test", watched=True, ttl=LONG_TTL,
                   hosts=(Host(cert=SELF_SIGNED, tlsa=EE, smtp=Smtp(requiretls=True)),)),), rolled_over_for_requiretls),
    Scenario("A new key and record while the old record is cached: the messages after the first go at once, too",
             "pitfall-42 DANE-50", rolling("rollover-all.test"), rolled_over_for_all),
    Scenario("A new key and record while the old record is cached for an hour: delivered in the same attempt",
             "pitfall-42 DANE-50", rolling("rollover-now.test"), rolled_over),
    Scenario("A new key without a new record: one lookup more, then it waits, with both digests named",
             "pitfall-42 DANE-31", rolling("rollover-stale.test"), stale_record),
    Scenario("A new key with a record that is wrong again: waits", "pitfall-42 DANE-31",
             rolling("rollover-wrong.test"), another_wrong_record),
    Scenario("A new key, and no record any more, which DNSSEC proves: goes without DANE in the same attempt",
             "pitfall-42 DANE-50", rolling("rollover-gone.test"), no_record_any_more),
)

FAILURE = (
    Scenario("[failure] dane-mismatch = bounce: comes back at once, 5.7.5", "DANE-53 design-2",
             (Site("bounce-mismatch.test", hosts=(Host(tlsa=WRONG),)),), Bounced("5.7.5", text="dane-mismatch"),
             settings=action("dane-mismatch")),
    Scenario("[failure] dane-mismatch = bounce: a record that is stale in the cache alone makes nothing come back",
             "pitfall-42 DANE-53", rolling("bounce-rollover.test"), returned_only_when_fresh,
             settings=action("dane-mismatch")),
    Scenario("[failure] sts-certificate = bounce: only after the policy was fetched afresh", "STS-34 pitfall-25",
             (Site("bounce-certificate.test", signed=False, policy=Policy()),), policy_fetched_before_the_bounce,
             settings=action("sts-certificate")),
    Scenario("Two hosts that fail differently: explain and delivery name the same failure", "pitfall-125",
             (Site("two-failures.test", hosts=(Host("mx1", 10, tlsa=WRONG),
                                               Host("mx2", 20, listening=False))),), most_telling),
    Scenario("[failure] dane-mismatch = bounce: while another host is busy, mail waits for it", "DANE-53 pitfall-29",
             (Site("bounce-other.test", hosts=(Host("mx1", 10, tlsa=WRONG),
                                               Host("mx2", 20, tlsa=EE, smtp=Smtp(greeting=always("421 4.3.2 Busy"))))),
              ), waits_for_the_other, settings=action("dane-mismatch")),
    Scenario("[failure] give_up_after of a class ends the waiting of that class alone", "DANE-53 pitfall-104",
             (Site("gives-up.test", hosts=(Host(tlsa=WRONG),)),
              Site("waits-on.test", hosts=(Host(smtp=Smtp(rcpt=always("450 4.2.0 Later"))),))), gives_up_by_class,
             settings={"failure": {"dane-mismatch": {"action": "defer", "give_up_after": "4s"}}}),
    Scenario("[failure] sts-certificate = bounce: a policy that was withdrawn makes nothing come back",
             "STS-34 STS-36 pitfall-25",
             (Site("bounce-withdrawn.test", signed=False, policy=Policy()),), policy_was_withdrawn,
             settings=action("sts-certificate")),
    Scenario("[failure] sts-certificate = bounce: a policy withdrawn since the last bounce makes nothing come back",
             "STS-34 STS-36 pitfall-25",
             (Site("bounce-withdrawn-since.test", signed=False, policy=Policy()),), withdrawn_after_one_came_back,
             settings=action("sts-certificate")),
    Scenario("[failure] sts-certificate = bounce: while the policy host is down, nothing comes back",
             "STS-34 pitfall-25",
             (Site("bounce-host-down.test", signed=False, policy=Policy()),), policy_host_down_before_the_bounce,
             settings=action("sts-certificate") | AGAIN_SOON),
    Scenario("[failure] sts-mx-mismatch = bounce: while a new policy cannot be had, nothing comes back",
             "STS-26 STS-34 pitfall-18",
             (Site("bounce-moved.test", signed=False, watched=True, ttl=1,
                   hosts=(Host("old"), Host("new", preference=None)), policy=Policy()),), moved_without_a_file,
             settings=action("sts-mx-mismatch") | AGAIN_SOON),
    Scenario("[failure] sts-certificate = bounce: a policy is looked at afresh also behind fresh TLSA records",
             "DANE-58 STS-34 STS-36 pitfall-42",
             (Site("bounce-chain.test", watched=True, ttl=LONG_TTL, hosts=(Host(tlsa=EE),), policy=Policy()),),
             from_dane_to_nothing, settings=action("sts-certificate")),
    Scenario("[failure] dane-no-tls = bounce: 454 to STARTTLS is no lack of TLS, and mail waits", "DANE-53 pitfall-25",
             (Site("bounce-454-dane.test", hosts=(Host(tlsa=EE, smtp=NOT_NOW),)),), not_just_now,
             settings=action("dane-no-tls")),
    Scenario("[failure] sts-no-tls = bounce: 454 to STARTTLS is no lack of TLS, and mail waits", "STS-33 pitfall-25",
             (Site("bounce-454-sts.test", signed=False, hosts=(Host(smtp=NOT_NOW),), policy=Policy()),), not_just_now,
             settings=action("sts-no-tls")),
    Scenario("[failure] dane-no-tls = bounce: a host that never offers STARTTLS: comes back at once, 5.7.4", "DANE-53",
             (Site("bounce-no-tls.test", hosts=(Host(tlsa=EE, smtp=Smtp(starttls=StartTls.ABSENT)),)),),
             Bounced("5.7.4", text="dane-no-tls"), settings=action("dane-no-tls")),
    Scenario("[failure] dane-no-tls = bounce: records that are in our cache alone make nothing come back",
             "pitfall-42 DANE-50 DANE-53", rolling("bounce-record-gone.test"), record_is_gone,
             settings=action("dane-no-tls")),
)

GROUPS = (
    Scenario("A host that hangs up on a large ClientHello, under enforce: a small one, in the same attempt",
             "pitfall-64 STS-32", (Site("few-groups-sts.test", signed=False, hosts=(Host(smtp=FEW),),
                                               policy=Policy()),), few_groups_sts),
    Scenario("A host that hangs up on a large ClientHello, with DANE: a small one, in the same attempt",
             "pitfall-64 DANE-31",
             (Site("few-groups-dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE, smtp=FEW),)),), few_groups_dane),
    Scenario("A host that hangs up on a large ClientHello, with nothing owed: a small one, and nothing in clear",
             "pitfall-64 STL-06", (Site("few-groups.test", signed=False, hosts=(Host(smtp=FEW),)),),
             few_groups_plain),
    Scenario("A host that takes a large ClientHello is asked once", "pitfall-64",
             (Site("many-groups.test", signed=False),), many_groups),
)

SCENARIOS = (*ROLLOVER, *FAILURE, *GROUPS)
