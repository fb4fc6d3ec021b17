"""Does the relay notice that DNSSEC does not work where it stands? Its self-test, and what becomes of mail meanwhile."""

from __future__ import annotations

from typing import Any

from ca import SELF_SIGNED
from dns_world import HONEST_UPSTREAM, STRIPPING_UPSTREAM
from expect import Delivered, Deferred, equal
from scenario import Scenario
from sites import Host, Site
from trial import Trial

EE = Host(cert=SELF_SIGNED, tlsa=("3 1 1",))


async def _tested(trial: Trial) -> dict[str, Any]:
    """`status`, once the self-test has a result."""
    await trial.until(lambda: trial.relay.log.about("DNSSEC self-test"), "a word about the self-test in the log")
    answer = await trial.relay.run("status", "--json")
    status: dict[str, Any] = answer.json
    return status


async def passes(trial: Trial) -> None:
    status = await _tested(trial)
    equal("self-test", status["dnssec"]["self_test"]["result"], "passed")
    equal("detail", status["dnssec"]["self_test"]["detail"], "")
    assert status["dnssec"]["self_test"]["at"], "no time of the self-test"
    equal("healthy", status["healthy"], True)
    equal("failures counted", status["counters"]["dnssec_self_test_failures"], 0)
    checked = await trial.relay.run("check")
    assert "ok      DNSSEC self-test\n" in checked.output, f"fulmar check: {checked.output}"


async def passes_through_an_upstream(trial: Trial) -> None:
    await passes(trial)
    await Delivered("dane")(trial)


async def names_the_stripper(trial: Trial) -> None:
    status = await _tested(trial)
    test = status["dnssec"]["self_test"]
    upstream = f"{STRIPPING_UPSTREAM}@53"
    sentence = f"DNSSEC records do not come through: the upstream {upstream} strips DNSSEC records"
    equal("trust anchor", status["dnssec"]["trust_anchor"], "proven")
    equal("self-test", test["result"], "failed")
    assert sentence in test["detail"], f"detail: {test['detail']}"
    equal("upstreams", test["upstreams"], [upstream])
    equal("healthy", status["healthy"], False)
    assert status["counters"]["dnssec_self_test_failures"] >= 1, "failures are not counted"
    assert trial.relay.log.about("DNSSEC self-test failed"), "no error in the log"
    said = await trial.relay.run("status")
    assert sentence in said.output, f"fulmar status: {said.output}"
    checked = await trial.relay.run("check")
    assert f"failed  DNSSEC self-test: {sentence}" in checked.output, f"fulmar check: {checked.output}"
    assert checked.status != 0, "fulmar check: exit status 0"
    await Deferred("dns-bogus", "4.4.3", domain_failure=True, contacted=False)(trial)


SCENARIOS = (
    Scenario("The DNSSEC self-test passes: signed, unsigned and wrongly signed names are told apart", "pitfall-43",
             (Site("self-test.test"),), passes, settings={}, not_compared="no mail is sent"),
    Scenario("The DNSSEC self-test passes through an upstream that hands everything on", "pitfall-43 DANE-02",
             (Site("honest-upstream.test", hosts=(EE,)),), passes_through_an_upstream,
             settings={"resolver": {"forward_to": [f"{HONEST_UPSTREAM}@53"]}}),
    Scenario("An upstream that strips DNSSEC records is named, the relay is unhealthy, mail to a DANE domain waits",
             "pitfall-43 DANE-02", (Site("stripping-upstream.test", hosts=(EE,)),), names_the_stripper,
             settings={"resolver": {"forward_to": [f"{STRIPPING_UPSTREAM}@53"]}}),
)
