"""MTA-STS: finding and fetching a policy. Where no policy may be had, mail goes as if there were none; the mail hosts
here have self-signed certificates, so a policy wrongly believed in would show at once."""

from __future__ import annotations

import asyncio
from typing import Any

from ca import CN_ONLY, EXPIRED, SELF_SIGNED, WRONG_NAME
from expect import Delivered, equal
from scenario import Check, Scenario
from sites import Body, Fault, Host, Policy, Site
from trial import Trial

UNTRUSTED = Host(cert=SELF_SIGNED)
AS_IF_NONE = Delivered("encrypted")


def policy(zone: str, **fields: Any) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(UNTRUSTED,), policy=Policy(**fields)),)


def requests(count: int) -> Check:
    async def check(trial: Trial) -> None:
        await AS_IF_NONE(trial)
        equal("requests at the policy host", len(trial.policy_host().requests), count)
    return check


async def redirected(trial: Trial) -> None:
    await AS_IF_NONE(trial)
    equal("requests where the redirect leads", trial.policy_host(trial.sites[1]).requests, [])


async def one_fetch_for_all(trial: Trial) -> None:
    """Forty messages at once to a domain never seen before: one GET, all delivered under the policy."""
    policy_host = trial.policy_host()
    policy_host.open = False
    sent = await asyncio.gather(*(trial.send_one() for _ in range(40)))
    await trial.until(lambda: policy_host.requests, "a request at the policy host")
    policy_host.release()
    for recipient in sent:
        equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")
    equal("requests at the policy host", len(policy_host.requests), 1)


async def asks_rightly(trial: Trial) -> None:
    await Delivered("sts")(trial)
    request = trial.policy_host().requests[0]
    name = f"mta-sts.{trial.domain}"
    equal("request", request.line, "GET /.well-known/mta-sts.txt HTTP/1.1")
    equal("Host", request.host, name)
    equal("SNI", request.sni, name)


async def backs_off(trial: Trial) -> None:
    """Several messages while the policy host fails: one GET."""
    for _ in range(5):
        recipient = await trial.send_one()
        await trial.attempt(recipient, "sent")
    equal("requests at the policy host", len(trial.policy_host().requests), 1)


SCENARIOS = (
    Scenario("The policy is asked for by the right URL, Host and SNI", "STS-10 STS-11",
             (Site("fetch-rightly.test", signed=False, policy=Policy()),), asks_rightly),
    Scenario("Forty messages at once to a new domain make one fetch", "STS-42 pitfall-13",
             (Site("fetch-once.test", signed=False, policy=Policy()),), one_fetch_for_all,
             settings={"mta_sts": {"fetch_timeout": "30s"}}),
    Scenario("A policy host behind a CNAME counts, with a certificate for the customer's name", "STS-12 pitfall-3",
             (Site("fetch-alias.test", signed=False, policy=Policy(alias="policies")),), Delivered("sts")),
    Scenario("A TXT record split into strings, with spaces and unknown fields, counts",
             "STS-04 STS-06 STS-07 pitfall-2",
             (Site("fetch-split.test", signed=False,
                   policy=Policy(txt=('v=STSv1; id=2026" "0101a ; x-new=1',))),), Delivered("sts")),
    Scenario("Other TXT records beside the STS record do no harm", "STS-05",
             (Site("fetch-beside.test", signed=False,
                   policy=Policy(txt=("v=spf1 -all", "v=STSv1; id=1;"))),), Delivered("sts")),
    Scenario("A body with LF ends, unknown keys and a later second mode counts as first read",
             "STS-19 STS-21 pitfall-15",
             (Site("fetch-body.test", signed=False,
                   policy=Policy(text="mx: mx.fetch-body.test\nmode: enforce\nx-key: é\nmode: none\n"
                                      "max_age: 9999999999\nversion: STSv1")),), Delivered("sts")),
    Scenario("Two STS records: no policy, and no fetch", "STS-05 pitfall-1",
             policy("fetch-two.test", txt=("v=STSv1; id=1;", "v=STSv1; id=2;")), requests(0)),
    Scenario("A record without id: no policy, and no fetch", "STS-06 pitfall-2",
             policy("fetch-no-id.test", txt=("v=STSv1;",)), requests(0)),
    Scenario("No record: no policy, and no fetch", "STS-03", policy("fetch-no-txt.test", txt=()), requests(0)),
    Scenario("The record's lookup fails with nothing cached: mail goes on", "STS-25 pitfall-7",
             (Site("fetch-txt-fails.test", signed=False, hosts=(UNTRUSTED,), policy=Policy(),
                   faults={("_mta-sts", "TXT"): Fault.SERVFAIL}),), requests(0)),
    Scenario("Status 404 is no policy", "STS-14 STS-25", policy("fetch-404.test", status=404), AS_IF_NONE),
    Scenario("Status 204 is no policy", "STS-14", policy("fetch-204.test", status=204), AS_IF_NONE),
    Scenario("A failing policy host is asked once, not for every message", "STS-18 pitfall-12",
             policy("fetch-500.test", status=500), backs_off),
    Scenario("A redirect is not followed, though a valid policy waits there", "STS-14 pitfall-8",
             (*policy("fetch-redirect.test", status=301,
                      location="https://mta-sts.fetch-target.test/.well-known/mta-sts.txt"),
              Site("fetch-target.test", signed=False, policy=Policy(mx=("*.fetch-redirect.test",)))), redirected),
    Scenario("A policy host with an expired certificate gives no policy", "STS-12 pitfall-9",
             policy("fetch-expired.test", cert=EXPIRED), AS_IF_NONE),
    Scenario("A policy host with a self-signed certificate gives no policy", "STS-12 pitfall-9",
             policy("fetch-self-signed.test", cert=SELF_SIGNED), AS_IF_NONE),
    Scenario("A policy host with a certificate for another name gives no policy", "STS-12 pitfall-9",
             policy("fetch-wrong-name.test", cert=WRONG_NAME), AS_IF_NONE),
    Scenario("A policy host named in the CN only gives no policy", "STS-12 NAM-01 pitfall-9",
             policy("fetch-cn-only.test", cert=CN_ONLY), AS_IF_NONE),
    Scenario("text/html is no policy", "STS-16 pitfall-16",
             policy("fetch-html.test", content_type="text/html"), AS_IF_NONE),
    Scenario("Text/Plain with parameters is a policy", "STS-16 pitfall-16",
             (Site("fetch-plain.test", signed=False,
                   policy=Policy(content_type="Text/Plain; charset=UTF-8; x=1")),), Delivered("sts")),
    Scenario("A policy without usable mx is no policy", "STS-20 pitfall-14",
             policy("fetch-no-mx.test", text="version: STSv1\nmode: enforce\nnmx: a.test\nmax_age: 86400\n"),
             AS_IF_NONE),
    Scenario("A body of more than 64 KB is no policy", "STS-17 pitfall-11",
             policy("fetch-huge.test", body=Body.HUGE), AS_IF_NONE),
    Scenario("A body of one octet a second is given up at the deadline", "STS-17 pitfall-11",
             policy("fetch-drip.test", body=Body.DRIP), AS_IF_NONE),
    Scenario("A policy host at a loopback address is not connected to", "pitfall-10",
             policy("fetch-loopback.test", address="127.0.0.1"), AS_IF_NONE),
)
