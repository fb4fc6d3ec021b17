"""REQUIRETLS and TLS-Required: No, RFC 8689: what the relay offers to clients, and what it keeps of their wishes."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from typing import Any

from expect import equal
from scenario import Scenario
from sites import Host, Site, Smtp, always
from trial import Trial

NO = "TLS-Required: No\r\n"


def _offers(port: int, context: ssl.SSLContext) -> tuple[bool, bool]:
    """Does the EHLO list REQUIRETLS, in clear and under TLS?"""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.origin.test", timeout=30) as client:
        client.ehlo()
        in_clear = client.has_extn("REQUIRETLS")
        client.starttls(context=context)
        client.ehlo()
        return in_clear, client.has_extn("REQUIRETLS")


async def offered_under_tls_only(trial: Trial) -> None:
    offers = await asyncio.to_thread(_offers, trial.relay.port, trial.world.client_context())
    equal("REQUIRETLS in the EHLO, in clear and under TLS", offers, (False, True))


async def _shown(trial: Trial, recipient: str) -> dict[str, Any]:
    listed = (await trial.relay.run("queue", "list", "--json", "--recipient", recipient)).json
    equal("messages in the queue", len(listed), 1)
    shown: dict[str, Any] = (await trial.relay.run("queue", "show", "--json", listed[0]["id"])).json
    for member in ("requiretls", "tls_optional"):
        equal(f"{member} in list and show", listed[0][member], shown[member])
    return shown


async def kept_in_the_queue(trial: Trial) -> None:
    """Also over a kill -9: the tag is in the spool."""
    wishes = {
        "ordinary": (await trial.send(), False, False),
        "REQUIRETLS": (await trial.send(requiretls=True), True, False),
        "TLS-Required: No": (await trial.send(header=NO), False, True),
        "both": (await trial.send(header=NO, requiretls=True), True, False),
        "TLS-Required: No, twice": (await trial.send(header=NO + NO), False, False),
    }
    for restarted in (False, True):
        if restarted:
            await trial.relay.kill()
            await trial.relay.start()
        for name, ((recipient,), requiretls, tls_optional) in wishes.items():
            shown = await _shown(trial, recipient)
            equal(f"requiretls of {name}", shown["requiretls"], requiretls)
            equal(f"tls_optional of {name}", shown["tls_optional"], tls_optional)
            equal(f"header field of {name}", NO in shown["header"], name not in ("ordinary", "REQUIRETLS"))


SCENARIOS = (
    Scenario("REQUIRETLS is offered to clients under TLS only", "REQ-01", (), offered_under_tls_only,
             not_compared="no mail is sent"),
    Scenario("REQUIRETLS and TLS-Required: No stay with a message in the queue", "REQ-02 REQ-03",
             (Site("kept-wishes.test", hosts=(Host(smtp=Smtp(greeting=always("421 4.3.2 Not now"))),)),),
             kept_in_the_queue, settings={}),
)
