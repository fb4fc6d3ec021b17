"""How many, how fast, and whom not to bother: limits of a next hop, its rate, and addresses that were down a moment ago."""

from __future__ import annotations

import asyncio

from expect import equal
from scenario import Scenario
from sites import Host, Site, Smtp, always
from trial import Trial

from scenarios.relays import at_relay

LANES, RATED, RATED_ALONE = "lanes.test", "rated.test", "rated-alone.test"
AT_ONCE = 2
RELAYED = {"domain": f".{LANES}", "relay": f"[relay.{LANES}]:587", "connection_limit": AT_ONCE}
SPACED = {"domain": RATED, "max_message_rate": "2/s"}
SPACED_ALONE = {"domain": RATED_ALONE, "max_message_rate": "2/s", "connection_limit": 1}
MESSAGES = 5
LEFT_ALONE = {"retry": {"intervals": ["8s"]}}


async def one_limit_for_all(trial: Trial) -> None:
    """A host that turns a third connection away never has to."""
    recipients = await asyncio.gather(*(trial.send_one(domain=f"{name}.{LANES}") for name in "abcdefgh"))
    for recipient in recipients:
        await trial.attempt(recipient, "sent")
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    host = trial.host("relay")
    equal("connections turned away", [visit for visit in host.visits if not visit.said("EHLO")], [])
    equal("messages taken", len(host.received), len(recipients))


async def evenly_spaced(trial: Trial) -> None:
    """Five messages at two a second: the last one has waited for two seconds, in its first attempt."""
    recipients = await asyncio.gather(*(trial.send_one() for _ in range(MESSAGES)))
    delays = sorted([(await trial.attempt(recipient, "sent")).delay for recipient in recipients])
    for number, delay in enumerate(delays):
        assert delay >= number * 0.5 - 0.25, f"too early: {delays}"
    equal("attempts", {len(trial.relay.log.attempts(recipient)) for recipient in recipients}, {1})


async def evenly_spaced_one_by_one(trial: Trial) -> None:
    """Nobody but the one that ended could start the next one, and its time had not come yet."""
    recipients = await asyncio.gather(*(trial.send_one() for _ in range(MESSAGES)))
    delays = sorted([(await trial.attempt(recipient, "sent", seconds=30)).delay for recipient in recipients])
    for number, delay in enumerate(delays):
        assert number * 0.5 - 0.25 <= delay <= number * 0.5 + 5, f"too early or too late: {delays}"


async def left_to_the_others(trial: Trial) -> None:
    """The first delivery ends before anything is asked of the network; the message stays for the second."""
    refused, waiting = "user@[10.0.0.1]", trial.address()
    await trial.send(refused, waiting)
    await trial.attempt(refused, "bounced")
    await trial.attempt(waiting, "deferred")
    trial.host().behave(Smtp())
    await trial.retry_now(waiting)
    await trial.attempt(waiting, "sent")
    equal("hosts that took it", trial.accepted_by(waiting), [f"mx.{trial.domain}"])


async def left_alone(trial: Trial) -> None:
    """The second message does not try the address at which nobody was for the first; asked to, it does."""
    first, second = await trial.send_one(), ""
    await trial.attempt(first, "deferred")
    second = await trial.send_one()
    attempt = await trial.attempt(second, "deferred")
    assert "not tried: " in attempt.line and " s ago (" in attempt.line, attempt.line
    await trial.retry_now(second)
    again = await trial.attempt(second, "deferred", count=2)
    assert "not tried: " not in again.line, again.line


async def goes_to_the_other(trial: Trial) -> None:
    """The first host was down for another message: this one is not kept waiting for it, nor sent back for its sake."""
    await trial.attempt(await trial.send_one(), "deferred")
    waiting = await trial.send_one()
    attempt = await trial.attempt(waiting, "deferred")
    assert "450" in attempt.line, f"the words of the host that answered are the reason: {attempt.line}"
    decision = (await trial.decisions(attempt.id))[-1]
    down = decision["hosts"][0]["connections"][0]
    assert "not tried: " in down["failure"]["detail"], down


SCENARIOS = (
    Scenario("All domains of one relay share its connection limit", "pitfall-91",
             at_relay(LANES, smtp=Smtp(port=587, at_once=AT_ONCE, messages=100)), one_limit_for_all, rules=(RELAYED,),
             not_compared="the mail goes to names below the site's"),
    Scenario("max_message_rate spaces the messages to a domain", "design-2", (Site(RATED),), evenly_spaced,
             rules=(SPACED,)),
    Scenario("max_message_rate holds with one connection at a time, and nothing is forgotten", "pitfall-91 redteam-33",
             (Site(RATED_ALONE),), evenly_spaced_one_by_one, rules=(SPACED_ALONE,)),
    Scenario("Mail whose first recipient is refused at once still reaches the second after a wait", "pitfall-87 redteam-32",
             (Site("left-to-others.test", hosts=(Host(smtp=Smtp(rcpt=always("450 4.2.0 Later"))),)),), left_to_the_others),
    Scenario("An address that was down a moment ago is left alone for a while, unless an operator asks", "pitfall-82",
             (Site("left-alone.test", hosts=(Host(listening=False),)),), left_alone, settings=LEFT_ALONE),
    Scenario("A host that was down a moment ago is passed over, and the next one is asked", "pitfall-82",
             (Site("passed-over.test", hosts=(Host("mx1", 10, listening=False),
                                              Host("mx2", 20, smtp=Smtp(rcpt=always("450 4.2.0 Later"))))),),
             goes_to_the_other, settings=LEFT_ALONE),
)
