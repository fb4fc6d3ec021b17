"""MTA-STS: the first message of all, the life of a cached policy, and what may end it."""

from __future__ import annotations

from typing import Callable

from ca import SELF_SIGNED
from expect import Delivered, equal
from scenario import Scenario
from sites import Fault, Host, Policy, Site, Smtp, StartTls
from trial import Trial

TTL_SECONDS = 2.1    # the sites here have a TTL of one second, and caches count in whole ones


async def first_message(trial: Trial) -> None:
    """While the policy is being fetched nothing leaves; then the policy is applied to that very message."""
    policy_host = trial.policy_host()
    policy_host.open = False
    recipient = await trial.send_one()
    await trial.until(lambda: policy_host.requests, "a request at the policy host")
    await trial.pulse.never(lambda: trial.host().visits, 2, "a connection while the policy is being fetched")
    policy_host.release()
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-no-tls")
    assert not trial.host().saw_mail(), "the host saw an envelope"


async def kept_over_a_restart(trial: Trial) -> None:
    """Policy cached; then record and policy host vanish, the relay is killed and started again; still enforced."""
    await Delivered("sts", explained=False)(trial)
    cached = await _policy_of(trial)
    equal("mode in policy list", cached["mode"], "enforce")
    fetches = len(trial.policy_host().requests)
    trial.world.dns.faulty.answer(f"_mta-sts.{trial.domain}", "TXT")
    await trial.policy_host().stop()
    trial.host().behave(Smtp(starttls=StartTls.ABSENT))
    await trial.relay.kill()
    await trial.relay.start()
    recipient = await trial.send_one()
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-no-tls")
    equal("hosts that took it", trial.accepted_by(recipient), [])
    explanation = await trial.explain()
    equal("explain: source of the policy", explanation["mta_sts"]["source"], "cached")
    equal("explain: mode of the policy", explanation["mta_sts"]["mode"], "enforce")
    equal("fetches that succeeded", len(trial.policy_host().requests), fetches)
    trial.host().behave(Smtp())
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")


async def _policy_of(trial: Trial) -> dict[str, str]:
    answer = await trial.relay.run("policy", "show", "--json", trial.domain)
    equal("exit status of policy show", answer.status, 0)
    shown: dict[str, str] = answer.json
    return shown


async def kept_when_the_record_vanishes(trial: Trial) -> None:
    await Delivered("sts", explained=False)(trial)
    faulty, record = trial.world.dns.faulty, f"_mta-sts.{trial.domain}"
    trial.host().behave(Smtp(starttls=StartTls.ABSENT))
    faulty.answer(record, "TXT", '"v=STSv1; id=1;"', '"v=STSv1; id=2;"')
    await _still_enforced(trial)
    faulty.fail(record, "TXT", Fault.SERVFAIL)
    await _still_enforced(trial)


async def _still_enforced(trial: Trial) -> None:
    await trial.pulse.let_pass(TTL_SECONDS)
    record = f"_mta-sts.{trial.domain}"
    asked = trial.world.dns.faulty.asked(record, "TXT")
    recipient = await trial.send_one()
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-no-tls")
    # Another message's attempt may have filled the resolver's cache just before; a later one asks.
    await trial.until(lambda: trial.world.dns.faulty.asked(record, "TXT") > asked, "the record is asked for")
    equal("hosts that took it", trial.accepted_by(recipient), [])


async def new_id_with_a_bad_file(trial: Trial) -> None:
    """A new id whose file is garbage keeps the old policy."""
    await Delivered("sts", explained=False)(trial)
    policy_host = trial.policy_host()
    policy_host.text = "version: STSv1\nmode: nonsense\n"
    trial.world.dns.faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=new;"')
    trial.host().behave(Smtp(starttls=StartTls.ABSENT))
    before = len(policy_host.requests)
    recipient = await _sent_until(trial, lambda: len(policy_host.requests) > before)
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-no-tls")


async def _sent_until(trial: Trial, condition: Callable[[], bool]) -> str:
    """Sends when the relay's DNS cache no longer holds the old record; waits for the fetch that must follow."""
    await trial.pulse.let_pass(TTL_SECONDS)
    recipient = await trial.send_one()
    await trial.until(condition, "a fetch of the policy")
    return recipient


async def new_id_is_fetched(trial: Trial) -> None:
    """The domain moves to another host, with a new id: the next message follows at once."""
    await Delivered("sts", host="old", explained=False)(trial)
    policy_host = trial.policy_host()
    policy_host.text = policy_host.text.replace("old.", "new.")
    faulty = trial.world.dns.faulty
    faulty.answer(trial.domain, "MX", f"10 new.{trial.domain}.")
    faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=0;"')
    recipient = await _sent_until(trial, lambda: len(policy_host.requests) > 1)
    attempt = await trial.attempt(recipient, "sent")
    equal("tls= in the log", attempt.tls, "sts")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("new")])


async def same_id_is_rechecked(trial: Trial) -> None:
    """The policy changes under the same id: the failure it causes forces a refetch, and the mail goes at once."""
    await Delivered("sts", host="old", explained=False)(trial)
    policy_host = trial.policy_host()
    policy_host.text = policy_host.text.replace("old.", "new.")
    trial.world.dns.faulty.answer(trial.domain, "MX", f"10 new.{trial.domain}.")
    recipient = await _sent_until(trial, lambda: len(policy_host.requests) > 1)
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")
    deferred = [one for one in trial.relay.log.attempts(recipient) if one.status == "deferred"]
    equal("attempts deferred before", len(deferred), 0)


async def orderly_removal(trial: Trial) -> None:
    """Mode none under a new id ends enforcement at once."""
    await Delivered("sts", explained=False)(trial)
    policy_host = trial.policy_host()
    policy_host.withdraw()
    trial.world.dns.faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=gone;"')
    trial.host().behave(Smtp(starttls=StartTls.ABSENT))
    recipient = await _sent_until(trial, lambda: len(policy_host.requests) > 1)
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "none")


async def rechecked_before_the_bounce(trial: Trial) -> None:
    """At the end of waiting: TXT asked again, then a bounce with 5.7.4 that no remote host took part in."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "bounced")
    equal("dsn= in the log", attempt.dsn, "5.7.4")
    asked = trial.world.dns.faulty.asked(f"_mta-sts.{trial.domain}", "TXT")
    assert asked >= 2, f"TXT was asked {asked} times only"
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.7.4")
    equal("Remote-MTA in the notice", notice.remote_mta, None)
    assert not trial.host().saw_mail(), "the host saw an envelope"


async def explained_before_it_is_sent(trial: Trial) -> None:
    """The policy changes under the same id: explain looks it up afresh before it says that mail would fail."""
    await Delivered("sts", host="old", explained=False)(trial)
    policy_host = trial.policy_host()
    policy_host.text = policy_host.text.replace("old.", "new.")
    trial.world.dns.faulty.answer(trial.domain, "MX", f"10 new.{trial.domain}.")
    await trial.pulse.let_pass(TTL_SECONDS)
    equal("explain: deliverable", (await trial.explain())["deliverable"], True)
    equal("explain --connect: deliverable", (await trial.explain("--connect"))["deliverable"], True)
    recipient = await trial.send_one()
    equal("status of the first attempt", (await trial.first_attempt(recipient)).status, "sent")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("new")])


async def withdrawal_explained(trial: Trial) -> None:
    """The policy is withdrawn under the same id, the certificate no longer verifies: explain --connect knows."""
    await Delivered("sts", explained=False)(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    trial.policy_host().withdraw()
    explanation = await trial.explain("--connect")
    equal("explain: deliverable", explanation["deliverable"], True)
    equal("explain: tls", explanation["hosts"][0]["connect"]["tls"], "encrypted")
    recipient = await trial.send_one()
    equal("status of the first attempt", (await trial.first_attempt(recipient)).status, "sent")


async def fresh_enough(trial: Trial) -> None:
    """The policy that a host fails was fetched for this very attempt: no second look at it."""
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")
    equal("fetches of the policy", len(trial.policy_host().requests), 1)


async def failing_and_fresh_enough(trial: Trial) -> None:
    """The same where the only host fails it, and the message waits."""
    recipient = await trial.send_one()
    equal("failed=", (await trial.first_attempt(recipient)).failed, "failed=sts-certificate")
    equal("fetches of the policy", len(trial.policy_host().requests), 1)


def changing(zone: str) -> tuple[Site, ...]:
    return (Site(zone, signed=False, watched=True, ttl=1, policy=Policy()),)


def moving(zone: str) -> tuple[Site, ...]:
    return (Site(zone, signed=False, watched=True, ttl=1, hosts=(Host("old"), Host("new", preference=None)),
                 policy=Policy()),)


SCENARIOS = (
    Scenario("The first message of all waits for the policy, and is held to it", "STS-42 design-1",
             (Site("first-message.test", signed=False, hosts=(Host(smtp=Smtp(starttls=StartTls.ABSENT)),),
                   policy=Policy()),), first_message, settings={"mta_sts": {"fetch_timeout": "30s"}}),
    Scenario("A policy survives kill -9, with its record and its host gone", "STS-26 STS-27 pitfall-20",
             changing("kept-policy.test"), kept_over_a_restart, settings={}),
    Scenario("A policy outlives a failing and a doubled record", "STS-09 pitfall-1 pitfall-20",
             changing("kept-record.test"), kept_when_the_record_vanishes),
    Scenario("A new id with a broken file keeps the old policy", "STS-26",
             changing("new-id-bad.test"), new_id_with_a_bad_file),
    Scenario("A new id is fetched at once, also when it sorts before the old", "STS-08 pitfall-18",
             moving("new-id.test"), new_id_is_fetched),
    Scenario("A policy changed under the same id is refetched before its failure counts", "STS-34 pitfall-19",
             moving("same-id.test"), same_id_is_rechecked),
    Scenario("Mode none under a new id ends enforcement", "STS-36 pitfall-21",
             changing("orderly-removal.test"), orderly_removal),
    Scenario("The policy is looked up afresh before MTA-STS makes a message come back", "STS-34 pitfall-25 pitfall-104",
             (Site("bounce-recheck.test", signed=False, watched=True, ttl=1,
                   hosts=(Host(cert=SELF_SIGNED, smtp=Smtp(starttls=StartTls.ABSENT)),), policy=Policy()),),
             rechecked_before_the_bounce, settings={"retry": {"give_up_after": "5s"}}),
    Scenario("A policy changed under the same id: explain looks at it afresh, as delivery does",
             "STS-34 pitfall-19 pitfall-125", moving("same-id-explained.test"), explained_before_it_is_sent),
    Scenario("A policy withdrawn under the same id: explain looks at it afresh, as delivery does",
             "STS-34 STS-36 pitfall-125", (Site("withdrawn-explained.test", signed=False, policy=Policy()),),
             withdrawal_explained),
    Scenario("A policy that was fetched for this attempt is not fetched again for a host it does not list",
             "STS-34 pitfall-12",
             (Site("fresh-unlisted.test", signed=False, hosts=(Host("mx1", 10), Host("mx2", 20)),
                   policy=Policy(mx=("mx2.fresh-unlisted.test",))),), fresh_enough),
    Scenario("A policy that was fetched for this attempt is not fetched again for a certificate that fails it",
             "STS-34 pitfall-12",
             (Site("fresh-certificate.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy()),),
             failing_and_fresh_enough),
)
