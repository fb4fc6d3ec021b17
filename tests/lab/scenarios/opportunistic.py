"""No policy at all: TLS when it can be had, whoever the certificate is for, else in clear."""

from __future__ import annotations

from ca import CN_ONLY, EXPIRED, SELF_SIGNED
from expect import Deferred, Delivered, equal
from scenario import Scenario
from sites import Host, Site, Smtp, StartTls
from trial import Trial


def plain(zone: str, how: StartTls = StartTls.OFFERED, **fields: object) -> tuple[Site, ...]:
    host = Host(smtp=Smtp(starttls=how), **fields)  # type: ignore[arg-type]
    return (Site(zone, signed=False, hosts=(host,)),)


async def one_ehlo(trial: Trial) -> None:
    await Delivered("none", explained=False)(trial)
    equal("EHLO commands", [visit.ehlo_count() for visit in trial.host().visits], [1])


async def new_ehlo_after_tls(trial: Trial) -> None:
    await Delivered("encrypted", explained=False)(trial)
    visit = trial.host().visits[0]
    greetings = [tls for tls, line in visit.lines if line.upper().startswith("EHLO")]
    equal("EHLO commands, within TLS or not", greetings, [False, True])
    equal("SNI", visit.sni, trial.site.absolute("mx"))


async def new_connection_in_clear(trial: Trial) -> None:
    """TLS fails; the message goes in clear, over a connection of its own on which no TLS was tried."""
    await Delivered("none", explained=False)(trial)
    visits = trial.host().visits
    assert len(visits) >= 2, f"{len(visits)} connection(s)"
    carrier = next(visit for visit in visits if visit.said("MAIL"))
    assert not carrier.said("STARTTLS"), f"MAIL on the connection whose handshake failed: {carrier.lines}"


SCENARIOS = (
    Scenario("A host without TLS gets its mail in clear, after one EHLO", "DANE-33 pitfall-59",
             plain("plain-clear.test", StartTls.ABSENT), one_ehlo),
    Scenario("explain agrees that a host without TLS gets its mail in clear", "pitfall-125",
             plain("plain-explain.test", StartTls.ABSENT), Delivered("none")),
    Scenario("A self-signed certificate is no obstacle", "DANE-33", plain("plain-self.test", cert=SELF_SIGNED),
             Delivered("encrypted")),
    Scenario("An expired certificate is no obstacle", "BCP-02", plain("plain-expired.test", cert=EXPIRED),
             Delivered("encrypted")),
    Scenario("A CN-only certificate is no obstacle", "BCP-02", plain("plain-cn.test", cert=CN_ONLY),
             Delivered("encrypted")),
    Scenario("After STARTTLS a new EHLO, and SNI is the MX host's name", "pitfall-27 pitfall-59",
             plain("plain-ehlo.test"), new_ehlo_after_tls),
    Scenario("A handshake broken off: a new connection, in clear", "DANE-33 pitfall-60",
             plain("plain-broken.test", StartTls.CLOSE), new_connection_in_clear),
    Scenario("Garbage in place of a handshake: a new connection, in clear", "pitfall-60",
             plain("plain-garbage.test", StartTls.GARBAGE), new_connection_in_clear),
    Scenario("TLS 1.1 at most: a new connection, in clear", "BCP-02 pitfall-60",
             plain("plain-old.test", StartTls.OLD_VERSION), new_connection_in_clear),
    Scenario("A host that hangs up at STARTTLS: a new connection, in clear", "STL-06 pitfall-60",
             plain("plain-hangs-up.test", StartTls.HANG_UP), new_connection_in_clear),
    Scenario("STARTTLS answered 454 where the operator wants no clear text: waits", "STL-03 pitfall-60",
             plain("plain-defer.test", StartTls.REFUSED_454),
             Deferred("tls-handshake", "4.7.5", level="opportunistic"),
             settings={"tls": {"opportunistic_fallback": "defer"}}),
    Scenario("STARTTLS answered 454: in clear", "pitfall-60", plain("plain-454.test", StartTls.REFUSED_454),
             Delivered("none", explained=False)),
    Scenario("Plaintext planted behind the 220 is never taken for the host's word inside TLS", "pitfall-58",
             plain("plain-planted.test", StartTls.INJECTED), new_connection_in_clear),
)
