"""What operators do to waiting mail: suspend and resume a destination, hold, release, bounce, delete."""

from __future__ import annotations

from typing import Any

from expect import equal
from scenario import Scenario
from sites import Host, Site, Smtp, always
from trial import Trial

LATER = (Host(smtp=Smtp(rcpt=always("450 4.2.0 Later"))),)
REASON = "the contract has ended"
WHY_SUSPENDED = "they are moving house"
QUIET_SECONDS = 3.0
GIVE_UP_SECONDS = 4
EXPIRES: dict[str, dict[str, Any]] = {"retry": {"give_up_after": f"{GIVE_UP_SECONDS}s"}}
STAYS_SUSPENDED = "the destination stays suspended: explain tells how it would go"


async def fulmar(trial: Trial, *words: str) -> Any:
    answer = await trial.relay.run(*words, "--json")
    assert answer.status == 0, f"fulmar {' '.join(words)}: exit status {answer.status}: {answer.errors}"
    return answer.json


async def suspend(trial: Trial, domain: str, time: str = "1h") -> dict[str, Any]:
    suspension: dict[str, Any] = await fulmar(trial, "suspend", domain, "--for", time, "--reason", WHY_SUSPENDED)
    return suspension


async def listed(trial: Trial, recipient: str) -> dict[str, Any]:
    """The recipient's entry in the queue."""
    messages = await fulmar(trial, "queue", "list", "--recipient", recipient)
    entry: dict[str, Any] = messages[0]["recipients"][0]
    return entry


async def changed(trial: Trial, count: int, *words: str) -> None:
    """`count` deliveries are changed by `fulmar queue WORDS`, once none of them is being attempted."""
    for _ in range(20):
        answer = await fulmar(trial, "queue", *words)
        if not answer["running"]:
            break
        await trial.pulse.let_pass(0.1)
    equal(f"changed by {words[0]}", answer["changed"], count)


async def suspended(trial: Trial) -> None:
    """Nothing goes there, others are served, and everybody who asks is told; resumed, it flows."""
    await suspend(trial, trial.domain)
    waiting = await trial.send_one()
    await trial.attempt(await trial.send_one(domain=trial.sites[1].zone), "sent")
    entry = await listed(trial, waiting)
    equal("attempts", entry["attempts"], 0)
    suspensions = await fulmar(trial, "suspended")
    equal("suspended", [(one["domain"], one["reason"]) for one in suspensions], [(trial.domain, WHY_SUSPENDED)])
    equal("suspended until, in the queue", entry["suspended_until"], suspensions[0]["until"])
    equal("suspended, in explain", (await trial.explain())["suspended"], suspensions[0])
    equal("suspended, in status", (await fulmar(trial, "status"))["suspended"], 1)
    await changed(trial, 1, "retry", "--recipient", waiting)
    await trial.pulse.let_pass(QUIET_SECONDS)
    equal("visits", len(trial.host().visits), 0)
    await fulmar(trial, "resume", trial.domain)
    await trial.attempt(waiting, "sent")
    equal("suspended at last", await fulmar(trial, "suspended"), [])
    equal("exit status of a second resume", (await trial.relay.run("resume", trial.domain)).status, 1)


async def ends_by_itself(trial: Trial) -> None:
    """Of all names below one, for two seconds."""
    await suspend(trial, ".test", "2s")
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "sent")
    assert attempt.delay >= 1, f"it did not wait: {attempt.line}"
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)


async def expires_on_time(trial: Trial) -> None:
    """The host never hears of it, and the notice says who was in the way."""
    await suspend(trial, trial.domain)
    recipient = await trial.send_one()
    end = await trial.attempt(recipient, "bounced")
    equal("dsn= in the log", end.dsn, "5.3.2")
    assert GIVE_UP_SECONDS <= end.delay < 2 * GIVE_UP_SECONDS, f"not on time: {end.line}"
    equal("visits", len(trial.host().visits), 0)
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.3.2")
    assert "has suspended the sending" in notice.text and "Time limit reached" in notice.text, notice.text
    assert WHY_SUSPENDED not in notice.raw.decode(), "the reason is not for senders"


async def survives_restart(trial: Trial) -> None:
    """A suspended destination and a held message, over kill -9."""
    await suspend(trial, trial.domain)
    held = await trial.send_one(domain=trial.sites[1].zone)
    await trial.attempt(held, "deferred")
    await changed(trial, 1, "hold", "--recipient", held)
    waiting = await trial.send_one()
    trial.world.hosts[f"mx.{trial.sites[1].zone}"].behave(Smtp())
    attempts = len(trial.relay.log.attempts(held))
    await trial.relay.kill()
    await trial.relay.start()
    await trial.pulse.let_pass(QUIET_SECONDS)
    equal("attempts of the held one", len(trial.relay.log.attempts(held)), attempts)
    equal("state of the held one", (await listed(trial, held))["state"], "held")
    equal("visits to the suspended one", len(trial.host().visits), 0)
    await fulmar(trial, "resume", trial.domain)
    await changed(trial, 1, "release", "--state", "held")
    await trial.attempt(waiting, "sent")
    await trial.attempt(held, "sent")


async def held(trial: Trial) -> None:
    """Neither attempted nor expired; released, it goes at once."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await changed(trial, 1, "hold", "--domain", trial.domain)
    await changed(trial, 0, "hold", "--domain", trial.domain)
    await changed(trial, 0, "retry", "--all")
    attempts = len(trial.relay.log.attempts(recipient))
    await trial.pulse.let_pass(GIVE_UP_SECONDS + QUIET_SECONDS)
    equal("attempts while held", len(trial.relay.log.attempts(recipient)), attempts)
    equal("notices while held", trial.notices(recipient), [])
    equal("listed as held", len(await fulmar(trial, "queue", "list", "--state", "held")), 1)
    equal("listed as deferred", await fulmar(trial, "queue", "list", "--state", "deferred"), [])
    trial.host().behave(Smtp())
    await changed(trial, 1, "release", "--all")
    await trial.attempt(recipient, "sent")


async def bounced(trial: Trial) -> None:
    """The sender reads who ended it, and why."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await changed(trial, 1, "bounce", "--recipient", recipient, "--reason", REASON)
    equal("dsn= in the log", (await trial.attempt(recipient, "bounced")).dsn, "5.7.0")
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.7.0")
    equal("Remote-MTA", notice.remote_mta, None)
    equal("Diagnostic-Code", notice.diagnostic, f"x-fulmar; operator: {REASON}")
    assert "Our operator has ended the delivery" in notice.text and REASON in notice.text, notice.text


async def deleted(trial: Trial) -> None:
    """It is gone, and nobody is told."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await changed(trial, 1, "delete", "--recipient", recipient, "--reason", REASON)
    equal("queue", await fulmar(trial, "queue", "list"), [])
    equal("set aside", await fulmar(trial, "queue", "quarantine"), [])
    await trial.pulse.let_pass(QUIET_SECONDS)
    equal("notices", trial.notices(recipient), [])
    assert any(REASON in line for line in trial.relay.log.lines), "the reason is not in the log"


SCENARIOS = (
    Scenario("A suspended destination gets nothing while others are served; resumed, its mail flows", "pitfall-84",
             (Site("suspended.test"), Site("not-suspended.test")), suspended, settings={}),
    Scenario("A suspension ends by itself", "pitfall-84", (Site("suspended-briefly.test"),), ends_by_itself,
             settings={}),
    Scenario("Mail to a suspended destination expires on time, without a last attempt", "pitfall-84 pitfall-104",
             (Site("suspended-for-long.test"),), expires_on_time, settings=EXPIRES, not_compared=STAYS_SUSPENDED),
    Scenario("kill -9: what is suspended stays suspended, what is held stays held", "pitfall-83 pitfall-84",
             (Site("suspended-over-kill.test"), Site("held-over-kill.test", hosts=LATER)), survives_restart,
             settings={}),
    Scenario("A held message is neither attempted nor expired until it is released", "pitfall-83",
             (Site("held.test", hosts=LATER),), held, settings=EXPIRES),
    Scenario("An operator's bounce comes back with the operator's reason", "DSN-14 pitfall-104",
             (Site("bounced-by-hand.test", hosts=LATER),), bounced, settings={}),
    Scenario("A message that an operator deletes is gone without a word to its sender", "pitfall-83",
             (Site("deleted-by-hand.test", hosts=LATER),), deleted, settings={}),
)
