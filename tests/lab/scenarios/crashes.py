"""What is promised with the 250: kill -9 at any moment, restarts, and a clean stop."""

from __future__ import annotations

import asyncio
import smtplib

from expect import equal
from scenario import Scenario
from sites import Host, Site, Smtp, StartTls, always, once
from trial import SENDER, Trial

COUNT = 60


async def killed_after_250(trial: Trial) -> None:
    """Host down, messages acknowledged, kill -9, restart, host up: all arrive."""
    await trial.host().stop()
    sent = await asyncio.gather(*(trial.send_one() for _ in range(COUNT)))
    await trial.relay.kill()
    await trial.relay.start()
    await trial.host().start()
    await trial.retry_now()
    for recipient in sent:
        await trial.until(lambda: trial.host().accepted_for(recipient), f"{recipient} arrives")
    equal("copies of each", {len(trial.host().accepted_for(recipient)) for recipient in sent}, {1})


async def killed_under_load(trial: Trial) -> None:
    """kill -9 while messages flow in and out, three times: every acknowledged message arrives."""
    acknowledged: list[str] = []
    for round_number in range(3):
        submitting = asyncio.create_task(_submit_until_refused(trial, acknowledged))
        target = 40 * (round_number + 1)
        await trial.until(lambda: len(acknowledged) >= target, f"{target} messages acknowledged")
        await trial.relay.kill()
        await submitting
        await trial.relay.start()
    await trial.retry_now()
    for recipient in acknowledged:
        await trial.until(lambda: trial.host().accepted_for(recipient), f"{recipient} arrives")


async def _submit_until_refused(trial: Trial, acknowledged: list[str]) -> None:
    try:
        while True:
            acknowledged.append(await trial.send_one())
            trial.pulse.beat()
    except (OSError, smtplib.SMTPException):
        return


async def clean_stop(trial: Trial) -> None:
    """SIGTERM with mail in the queue: exit 0, nothing lost, nothing twice."""
    sent = [await trial.send_one() for _ in range(5)]
    await trial.attempt(sent[-1], "deferred")
    equal("exit status after SIGTERM", await trial.relay.stop(), 0)
    trial.host().behave(Smtp())
    await trial.relay.start()
    await trial.retry_now()
    for recipient in sent:
        await trial.attempt(recipient, "sent")
    equal("copies of each", {len(trial.host().accepted_for(recipient)) for recipient in sent}, {1})


async def owed_after_restart(trial: Trial) -> None:
    """A message that waits for DANE is still held to it after kill -9."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred")
    await trial.relay.kill()
    await trial.relay.start()
    second = await trial.attempt(recipient, "deferred", count=2)
    equal("failed=", second.failed, "failed=dane-mismatch")
    reason = await trial.queued_reason(recipient)
    equal("class in queue list", reason.get("class"), "dane-mismatch")
    assert not trial.host().saw_mail(), "the host saw an envelope"


async def second_daemon(trial: Trial) -> None:
    """A second daemon on the same port and spool ends with an error instead of harm."""
    answer = await trial.relay.run("serve", seconds=20)
    assert answer.status != 0, "a second daemon started"
    recipient = await trial.send_one()
    await trial.attempt(recipient, "sent")


async def life_story(trial: Trial) -> None:
    """Queued, sent, removed: each its line, tied by the id."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "sent")
    assert trial.relay.log.queued_ids(SENDER), "no line says that the message was queued"
    await trial.until(lambda: any(": removed" in line for line in trial.relay.log.about(recipient)), "a removed line")


async def delays_add_up(trial: Trial) -> None:
    """Also of an attempt that the time limit brings forward, and of the end itself."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "bounced")
    for attempt in trial.relay.log.attempts(recipient):
        assert abs(sum(attempt.delays) - attempt.delay) < 1, f"delays= do not add up to delay=: {attempt.line}"


SCENARIOS = (
    Scenario("kill -9 after 250: every acknowledged message arrives after the restart, once", "SMTP-15 pitfall-87",
             (Site("kill-after-250.test"),), killed_after_250, settings={}),
    Scenario("kill -9 three times under load: every acknowledged message arrives", "SMTP-15 pitfall-83 pitfall-87",
             (Site("kill-under-load.test"),), killed_under_load, settings={}),
    Scenario("SIGTERM with waiting mail: exit 0, nothing lost, nothing twice", "pitfall-92",
             (Site("clean-stop.test", hosts=(Host(smtp=Smtp(mail=once(*["451 4.3.0 Not now"] * 50))),)),),
             clean_stop, settings={}),
    Scenario("What was owed before kill -9 is owed after it", "DANE-31 pitfall-20",
             (Site("owed-after.test", hosts=(Host(tlsa=("3 1 1 wrong",)),)),), owed_after_restart, settings={}),
    Scenario("A second daemon on the same port and spool ends with an error", "pitfall-126",
             (Site("second-daemon.test"),), second_daemon, settings={}),
    Scenario("The log tells a message's life from queued to removed", "pitfall-124",
             (Site("life-story.test", hosts=(Host(smtp=Smtp(starttls=StartTls.ABSENT)),)),), life_story),
    Scenario("delays= in the log add up to delay=, to the end of a message", "pitfall-124",
             (Site("delays.test", hosts=(Host(smtp=Smtp(rcpt=always("450 4.2.0 Later"))),)),), delays_add_up,
             settings={"retry": {"intervals": ["1s", "8s"], "give_up_after": "2s"}}),
)
