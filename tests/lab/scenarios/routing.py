"""Where mail goes: MX order, dead hosts, null MX, domains that are not there, addresses nobody may use."""

from __future__ import annotations

from expect import Bounced, Deferred, Delivered, equal
from scenario import Scenario
from sites import STALL, Fault, Host, Replies, Site, Smtp, always
from trial import Trial

SECOND = Delivered("encrypted", host="mx2", passed_over=("mx1",), explained=False)


def two(zone: str, first: Smtp) -> tuple[Site, ...]:
    return (Site(zone, hosts=(Host("mx1", 10, smtp=first), Host("mx2", 20))),)


async def preferred_first(trial: Trial) -> None:
    await Delivered("encrypted", host="low", passed_over=("high",))(trial)
    equal("connections to the lesser host before", [v for v in trial.host("high").visits if v.said("MAIL")], [])


async def null_mx(trial: Trial) -> None:
    await Bounced("5.1.10", reason="null-mx")(trial)
    assert not trial.host("@").visits, "the address of a null-MX domain was connected to"
    equal("TXT queries", trial.world.dns.faulty.asked(f"_mta-sts.{trial.domain}", "TXT"), 0)


async def missing_domain(trial: Trial) -> None:
    recipient = await trial.send_one(domain="no-such-domain.test")
    await Bounced("5.1.2").check(trial, recipient)
    explanation = await trial.explain(domain="no-such-domain.test")
    equal("explain: class", explanation["failure"]["class"], "domain-not-found")


async def cname_domain(trial: Trial) -> None:
    """The recipient's domain is an alias: its target's MX counts, the target's policy does not."""
    recipient = await trial.send_one(domain=f"alias.{trial.domain}")
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("mx")])


async def broken_ipv6(trial: Trial) -> None:
    """AAAA leads nowhere, A is fine: delivered in the same attempt."""
    await Delivered("encrypted")(trial)


async def later(trial: Trial) -> None:
    """All hosts dead: deferred as connection trouble, and delivered once one is back."""
    host = trial.host()
    await host.stop()
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("dsn= in the log", attempt.dsn, "4.4.1")
    equal("class in queue list", (await trial.queued_reason(recipient)).get("class"), "connect-failed")
    await host.start()
    await trial.retry_now(recipient)
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")


async def loopback_mx(trial: Trial) -> None:
    await Bounced("5.4.6", undeliverable=True)(trial)


SCENARIOS = (
    Scenario("The host with the lowest preference number is asked first", "SMTP-11 DANE-12",
             (Site("order.test", hosts=(Host("high", 20), Host("low", 5))),), preferred_first),
    Scenario("A host where nothing listens is passed over", "pitfall-55",
             (Site("dead-first.test", hosts=(Host("mx1", 10, listening=False), Host("mx2", 20))),),
             Delivered("encrypted", host="mx2", explained=False)),
    Scenario("A first host with twenty dead addresses leaves the second its turn", "SMTP-11 pitfall-55",
             (Site("dead-addresses.test", hosts=(Host("mx1", 10, listening=False), Host("mx2", 20)),
                   records=tuple(f"mx1 IN A 203.0.113.{last}" for last in range(101, 120))),),
             Delivered("encrypted", host="mx2", explained=False)),
    Scenario("A host that greets with 554 is passed over", "SMTP-20 pitfall-55",
             two("greets-554.test", Smtp(greeting=always("554 5.3.2 No SMTP service here"))), SECOND),
    Scenario("A host that greets with 421 is passed over", "pitfall-55",
             two("greets-421.test", Smtp(greeting=always("421 4.3.2 Busy"))), SECOND),
    Scenario("A host that never greets is passed over", "pitfall-55",
             two("greets-never.test", Smtp(greeting=Replies(then=STALL))), SECOND),
    Scenario("An MX host that does not exist leaves the other usable", "pitfall-30",
             (Site("mx-nxdomain.test", hosts=(Host("mx2", None),),
                   mx=((10, "gone.mx-nxdomain.test."), (20, "mx2.mx-nxdomain.test."))),),
             Delivered("encrypted", host="mx2", explained=False)),
    Scenario("An IPv6 address where nothing listens: IPv4 in the same attempt", "pitfall-54",
             (Site("broken-ipv6.test", hosts=(Host(ipv6_nothing_there=True),)),), broken_ipv6),
    Scenario("No MX record: the domain's own address", "SMTP-08 pitfall-56",
             (Site("no-mx.test", signed=False, hosts=(Host("@", preference=None),)),),
             Delivered("encrypted", host="@")),
    Scenario("A recipient's domain that is an alias: the target's hosts, by DANE", "SMTP-10 DANE-13",
             (Site("cname-target.test", hosts=(Host(tlsa=("3 1 1",)),),
                   records=("alias.cname-target.test. IN CNAME cname-target.test.",)),), cname_domain),
    Scenario("Null MX: comes back with 5.1.10, no address and no policy looked at", "NMX-01 NMX-02 pitfall-51",
             (Site("null-mx.test", signed=False, hosts=(Host("@", preference=None),), mx=((0, "."),), watched=True),),
             null_mx),
    Scenario("A domain that does not exist: comes back with 5.1.2", "SMTP-08 pitfall-46",
             (Site("exists.test"),), missing_domain),
    Scenario("MX hosts without any address: comes back with 5.4.4", "SMTP-09 design-4",
             (Site("no-address.test", hosts=(Host(address="none"),)),), Bounced("5.4.4", undeliverable=True)),
    Scenario("An MX host at a loopback address: comes back with 5.4.6", "pitfall-52",
             (Site("mx-loopback.test", hosts=(Host(address="127.0.0.1"),)),), loopback_mx),
    Scenario("An MX host at a private address: comes back with 5.4.6", "pitfall-52",
             (Site("mx-private.test", hosts=(Host(address="10.1.2.3"),)),), loopback_mx),
    Scenario("We are the domain's best MX ourselves: comes back with 5.4.6", "SMTP-12 pitfall-52",
             (Site("mx-ourselves.test", hosts=(), mx=((10, "relay.origin.test."),)),),
             Bounced("5.4.6", reason="mail-loop")),
    Scenario("Every host dead: waits with 4.4.1, goes when one is back and `queue retry` is given", "pitfall-55",
             (Site("dead-all.test"),), later),
    Scenario("An MX lookup that nobody answers: waits with 4.4.3, no fall-back to the address", "pitfall-46 DANE-03",
             (Site("mx-silence.test", signed=False, hosts=(Host("@", preference=None),),
                   faults={("@", "MX"): Fault.SILENCE}),),
             Deferred("dns-timeout", "4.4.3", host="@", domain_failure=True, contacted=False, also=("dns-servfail",))),
)
