"""`fulmar explain` says what delivery does: held so at the end of every scenario that sent mail.

One more message goes to each domain that the scenario sent to, as the small internet then is: to somebody, and to
somebody whom every host tells to come again, so that the message stays in the queue and `queue show` has the record of
its first attempt. That record and `explain --connect`, asked for right after it, must name the same hosts with the same
rule and level and the same findings; and the domain is deliverable exactly when the mail was delivered, or refused
by the other server's word after all that was owed to it had been had.

A scenario that cannot be compared says why, in `not_compared`.
"""

from __future__ import annotations

import itertools
from typing import Any, Optional

from mail_log import Attempt
from smtp_host import KEPT
from trial import Trial

# Of a host, as planned: what explain and the record must have in common.
PLANNED = ("preference", "address_security", "port", "action", "enforced", "level", "rule", "reason", "reference")
# Where a session ends that had all it was owed, or was content without: what comes then is the other server's word.
ENVELOPE = ("mail", "rcpt", "data", "body", "final-dot", "quit")
# A resolver may remember a silence as a failure.
SAME_CLASS = {"dns-timeout": "dns-servfail"}
_numbers = itertools.count(1)


async def check(trial: Trial) -> None:
    domains = dict.fromkeys(recipient.rpartition("@")[2] for recipient in trial.recipients)
    assert domains, "no mail was sent to compare explain with: say why in not_compared"
    for domain in domains:
        await _compare(trial, domain)


async def _compare(trial: Trial, domain: str) -> None:
    number = next(_numbers)
    sender, recipient = f"compared-{number}@origin.test", f"compared-{number}@{domain}"
    await trial.send(recipient, f"{KEPT}-{number}@{domain}", sender=sender)
    attempt = await trial.first_attempt(recipient)
    record = await _record(trial, sender)
    explanation = await trial.explain("--connect", domain=domain)
    found = list(_differences(attempt, record, explanation))
    assert not found, (f"explain and delivery disagree about {domain}: " + "; ".join(found)
                       + f"\nlog: {attempt.line}\nrecord: {record}\nexplain: {explanation}")
    await trial.relay.run("queue", "delete", "--sender", sender, "--reason", "compared")


async def _record(trial: Trial, sender: str) -> Optional[dict[str, Any]]:
    """What the first attempt decided; None when the message is gone, because all of it came back at once."""
    decided = await trial.decisions(trial.relay.log.queued_ids(sender)[0])
    return decided[0] if decided else None


def _differences(attempt: Attempt, record: Optional[dict[str, Any]], explanation: dict[str, Any]) -> Any:
    """A sentence for each."""
    if record is not None:
        yield from _of_routes(record, explanation)
        # A host that was looked at again after a mismatch has two entries; the last one counts.
        for host in {host["host"]: host for host in record["hosts"]}.values():
            yield from _of_hosts(host, explanation)
    expected = attempt.status == "sent" or _is_their_word(attempt, record)
    if explanation["deliverable"] != expected:
        yield f"deliverable is {explanation['deliverable']}, the mail was {attempt.status}"
    if attempt.status == "bounced" and not expected and explanation["failure"]["status"] != attempt.dsn:
        yield f"status is {explanation['failure']['status']}, the mail bounced with {attempt.dsn}"


def _of_routes(record: dict[str, Any], explanation: dict[str, Any]) -> Any:
    for what in ("domain", "mx"):
        if record[what] != explanation[what]:
            yield f"{what} is {explanation[what]}, was {record[what]}"
    for what in ("mode", "id", "mx"):
        said, was = explanation["mta_sts"].get(what), record["mta_sts"].get(what)
        if said != was:
            yield f"mta_sts {what} is {said}, was {was}"
    if record["failure"] is not None and _class(explanation["failure"]) != _class(record["failure"]):
        yield f"failure is {explanation['failure']}, was {record['failure']}"


def _of_hosts(was: dict[str, Any], explanation: dict[str, Any]) -> Any:
    said = next((host for host in explanation["hosts"] if host["host"] == was["host"]), None)
    if said is None:
        yield f"{was['host']} is not named"
        return
    pairs = [(what, said[what], was[what]) for what in PLANNED]
    pairs += [("failure", _class(said["failure"]), _class(was["failure"])),
              ("addresses", sorted(said["addresses"]), sorted(was["addresses"])),
              ("TLSA status", said["tlsa"]["status"], was["tlsa"]["status"]),
              ("TLSA base", said["tlsa"]["base"], was["tlsa"]["base"]),
              ("TLSA records", sorted(said["tlsa"]["records"]), sorted(was["tlsa"]["records"]))]
    if was.get("connections"):
        pairs += _of_connections(said["connect"], was["connections"])
    for what, now, then in pairs:
        if now != then:
            yield f"{was['host']}: {what} is {now!r}, was {then!r}"


def _of_connections(probe: dict[str, Any], connections: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """The probe ends with the first address that will do, or the last; so does delivery, but for the envelope."""
    good = next((one for one in connections if one.get("stage") in ENVELOPE), None)
    pairs = [("connect", probe["ok"], good is not None)]
    if good is not None:
        return [*pairs, ("tls", probe["tls"], good["tls"]), ("address", probe["address"], good["address"])]
    return [*pairs, ("connect's failure", _class(probe["failure"]), _class(connections[-1].get("failure")))]


def _is_their_word(attempt: Attempt, record: Optional[dict[str, Any]]) -> bool:
    """Was it refused by a server to which all of the envelope might have gone?"""
    if record is None:
        return attempt.relay != "none" and not attempt.failed
    return any(one.get("stage") in ENVELOPE for host in record["hosts"] for one in host.get("connections", ()))


def _class(failure: Optional[dict[str, Any]]) -> Optional[str]:
    name = failure["class"] if failure is not None else None
    return SAME_CLASS.get(name or "", name)
