"""Many hosts, or hosts of different worth, behind one domain: what some of them do says nothing about the others."""

from __future__ import annotations

import hashlib

from expect import Deferred, equal
from scenario import Scenario
from sites import Host, Policy, Site, Smtp, StartTls, always
from trial import Trial

EE = ("3 1 1",)
WRONG = ("3 1 1 wrong",)
OFFERS = Smtp(requiretls=True)
HANGS_UP = Smtp(starttls=StartTls.CLOSE)
LATER = Smtp(rcpt=always("450 4.2.0 Greylisted"))
MORE_THAN_A_SESSION_EACH = 21
TLSA_RECORDS = 300
MUCH_MEMORY = 100_000_000
LAST = "last"


def hosts_before_the_last(count: int, first: Smtp, last: Smtp) -> tuple[Host, ...]:
    return (*(Host(f"mx{number}", number, smtp=first) for number in range(1, count + 1)), Host(LAST, 99, smtp=last))


def hosts_with_many_records(count: int) -> Site:
    """All TLSA records are at one name, to which the others are aliases."""
    zone = "many-tlsa.test"
    aliases = (f"_25._tcp.mx{number}.{zone}. IN CNAME many.{zone}." for number in range(count))
    digests = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(TLSA_RECORDS))
    records = (f"many.{zone}. IN TLSA 3 1 1 {digest}" for digest in digests)
    return Site(zone, hosts=tuple(Host(f"mx{number}", 10 + number) for number in range(count)),
                records=(*aliases, *records))


async def the_last_one_offers_it(trial: Trial) -> None:
    """The first attempt ends before the only host that offers REQUIRETLS had its turn: nothing comes back yet."""
    recipient = (await trial.send(requiretls=True))[0]
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "secure")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute(LAST)])


async def the_last_one_gets_its_turn(trial: Trial) -> None:
    """The preferred hosts take up the first attempt; the one behind them is reached by the second."""
    equal("explain: deliverable", (await trial.explain("--connect"))["deliverable"], True)
    recipient = await trial.send_one()
    attempts = trial.relay.log.attempts(recipient)
    await trial.until(lambda: len(attempts) == 2 or attempts and attempts[0].status == "sent", "two attempts, or one")
    equal("status and tls= of the last", (attempts[-1].status, attempts[-1].tls), ("sent", "sts"))
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute(LAST)])


async def waits_for_the_proven_one(trial: Trial) -> None:
    """The time that dane-mismatch may take is over, but the host that is proven was only busy."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred", count=4)
    trial.host("mx2").behave(Smtp())
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("mx2")])
    assert not trial.host("mx1").saw_mail(), "the host with the wrong key saw an envelope"


async def too_many_records(trial: Trial) -> None:
    """Nobody needs hundreds of records for one host: the lookup counts as failed, and costs little."""
    before = trial.relay.peak_memory()
    await Deferred("dane-lookup", "4.7.5", host="mx0", contacted=False)(trial)
    grown = trial.relay.peak_memory() - before
    assert grown < MUCH_MEMORY, f"the program has grown by {grown} octets"


SCENARIOS = (
    Scenario("REQUIRETLS: many hosts that do not offer it before one that does: it waits for that one's turn",
             "REQ-05 pitfall-55",
             (Site("last-offers.test",
                   hosts=hosts_before_the_last(MORE_THAN_A_SESSION_EACH, Smtp(), OFFERS)),), the_last_one_offers_it),
    Scenario("Ten preferred hosts that hang up in the handshake, under enforce: the one behind them gets its turn",
             "STS-33 pitfall-55",
             (Site("last-is-good.test", signed=False, hosts=hosts_before_the_last(10, HANGS_UP, Smtp()),
                   policy=Policy()),), the_last_one_gets_its_turn,
             not_compared="explain looks at all hosts, one attempt need not"),
    Scenario("[failure] give_up_after of a class ends nothing while another host may still take the mail",
             "DANE-53 pitfall-30",
             (Site("gives-up-on-one.test", hosts=(Host("mx1", 10, tlsa=WRONG), Host("mx2", 20, tlsa=EE, smtp=LATER))),),
             waits_for_the_proven_one,
             settings={"failure": {"dane-mismatch": {"action": "defer", "give_up_after": "2s"}},
                       "retry": {"intervals": ["1s"], "give_up_after": "1h"}}),
    Scenario("Hundreds of TLSA records for a host are a lookup that failed: mail waits, and little memory is used",
             "DANE-08 pitfall-50", (hosts_with_many_records(5),), too_many_records, settings={}),
)
