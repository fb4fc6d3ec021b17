"""DANE: what must not be delivered. Every host here is watched for an envelope in any form."""

from __future__ import annotations

from ca import PRIVATE, SELF_SIGNED, WRONG_NAME, Cert, Issuer
from expect import Deferred, equal
from scenario import Scenario
from sites import Fault, Host, Policy, Site, Smtp, StartTls
from trial import Trial

MISMATCH = Deferred("dane-mismatch", "4.7.5", level="dane")
NO_TLS = Deferred("dane-no-tls", "4.7.4", level="dane")
LOOKUP = Deferred("dane-lookup", "4.7.5")
EE = ("3 1 1",)


def tls_defect(zone: str, how: StartTls) -> tuple[Site, ...]:
    return (Site(zone, hosts=(Host(cert=SELF_SIGNED, tlsa=EE, smtp=Smtp(starttls=how)),)),)


def lookup_fault(zone: str, fault: Fault) -> tuple[Site, ...]:
    return (Site(zone, hosts=(Host(tlsa=EE),), faults={("_25._tcp.mx", "TLSA"): fault}),)


async def forged_mx(trial: Trial) -> None:
    """The host proves its own key by DANE; the policy of the domain does not list it."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("failed= in the log", attempt.failed, "failed=sts-mx-mismatch")
    assert not trial.world.hosts["mx.attacker.test"].visits, "the attacker's host was connected to"
    explanation = await trial.explain()
    equal("explain: action", explanation["hosts"][0]["action"], "skip")


async def provider_mismatch(trial: Trial) -> None:
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("failed= in the log", attempt.failed, "failed=dane-mismatch")
    equal("dsn= in the log", attempt.dsn, "4.7.5")
    assert not trial.world.hosts["mx.wrong-provider.test"].saw_mail(), "the provider saw an envelope"
    explanation = await trial.explain("--connect")
    equal("explain: level", explanation["hosts"][0]["level"], "dane-host-only")
    equal("explain: class", explanation["hosts"][0]["connect"]["failure"]["class"], "dane-mismatch")


SCENARIOS = (
    Scenario("A key that no TLSA record names is refused", "DANE-31 DANE-53 pitfall-104",
             (Site("dane-wrong-key.test", hosts=(Host(tlsa=("3 1 1 wrong",)),)),), MISMATCH),
    Scenario("A passing MTA-STS policy does not rescue a failing DANE check", "DANE-57 STS-40 pitfall-28",
             (Site("dane-wrong-sts-right.test", hosts=(Host(tlsa=("3 1 1 wrong",)),), policy=Policy()),), MISMATCH),
    Scenario("The strongest digest decides: 3 1 1 matches, 3 1 2 does not, refused", "DANE-38",
             (Site("dane-agility.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1", "3 1 2 wrong")),)),), MISMATCH),
    Scenario("DANE-TA with an expired certificate is refused", "DANE-40 pitfall-40",
             (Site("dane-ta-expired.test",
                   hosts=(Host(cert=Cert(issuer=Issuer.PRIVATE, expired=True), tlsa=("2 1 1",)),)),), MISMATCH),
    Scenario("DANE-TA with a certificate for another name is refused", "DANE-44 pitfall-40",
             (Site("dane-ta-name.test",
                   hosts=(Host(cert=Cert(issuer=Issuer.PRIVATE, names=("somewhere-else.test",)), tlsa=("2 1 1",)),)),),
             MISMATCH),
    Scenario("DANE-TA that names another authority is refused", "DANE-40",
             (Site("dane-ta-wrong.test", hosts=(Host(cert=PRIVATE, tlsa=("2 1 1 wrong",)),)),), MISMATCH),
    Scenario("STARTTLS not offered by a DANE host: refused, nothing sent in clear", "DANE-31 pitfall-25",
             tls_defect("dane-no-starttls.test", StartTls.ABSENT), NO_TLS),
    Scenario("STARTTLS answered 454 by a DANE host: refused", "DANE-31 pitfall-25",
             tls_defect("dane-454.test", StartTls.REFUSED_454), NO_TLS),
    Scenario("A handshake broken off by a DANE host: refused, no second connection in clear", "DANE-31 pitfall-60",
             tls_defect("dane-broken.test", StartTls.CLOSE), NO_TLS),
    Scenario("Plaintext planted behind the 220 of a DANE host: refused", "pitfall-58",
             tls_defect("dane-planted.test", StartTls.INJECTED), NO_TLS),
    Scenario("Only unusable TLSA records and no STARTTLS: refused, TLS is still owed", "DANE-32 pitfall-37",
             (Site("dane-unusable-clear.test",
                   hosts=(Host(tlsa=("1 1 1",), smtp=Smtp(starttls=StartTls.ABSENT)),)),),
             Deferred("dane-no-tls", "4.7.4", level="encrypt")),
    Scenario("Unusable TLSA records and an MTA-STS policy: the policy's check applies, and fails", "DANE-58",
             (Site("dane-unusable-sts.test", hosts=(Host(cert=WRONG_NAME, tlsa=("1 1 1",)),), policy=Policy()),),
             Deferred("sts-certificate", "4.7.5", level="sts")),
    Scenario("TLSA answered SERVFAIL: the host is not even connected to", "DANE-08 pitfall-31",
             lookup_fault("dane-servfail.test", Fault.SERVFAIL), LOOKUP),
    Scenario("TLSA answered REFUSED: the host is not even connected to", "DANE-03 DANE-08",
             lookup_fault("dane-refused.test", Fault.REFUSED), LOOKUP),
    Scenario("TLSA never answered: the host is not even connected to", "DANE-03 DANE-08 pitfall-31",
             lookup_fault("dane-silence.test", Fault.SILENCE), LOOKUP),
    Scenario("TLSA with expired signatures: the host is not even connected to", "DANE-08 pitfall-31",
             (Site("dane-bogus-tlsa.test", hosts=(Host(tlsa=EE),), expired=(("_25._tcp.mx", "TLSA"),)),), LOOKUP),
    Scenario("TLSA lookup fails under an MTA-STS policy that would pass: still refused", "DANE-57 STS-40",
             (Site("dane-servfail-sts.test", hosts=(Host(tlsa=EE),), policy=Policy(),
                   faults={("_25._tcp.mx", "TLSA"): Fault.SERVFAIL}),), LOOKUP),
    Scenario("MX records with expired signatures: nothing is sent anywhere", "DANE-06 pitfall-46 pitfall-47",
             (Site("bogus-mx.test", hosts=(Host(), Host("@", preference=None)), expired=(("@", "MX"),)),),
             Deferred("dns-bogus", "4.4.3", domain_failure=True, contacted=False)),
    Scenario("MX answered SERVFAIL: deferred, no fall-back to the domain's address", "DANE-06 pitfall-46",
             (Site("servfail-mx.test", hosts=(Host(), Host("@", preference=None)),
                   faults={("@", "MX"): Fault.SERVFAIL}),),
             Deferred("dns-servfail", "4.4.3", domain_failure=True, contacted=False)),
    Scenario("An unsigned domain at a signed provider with the wrong key is refused", "DANE-15 pitfall-35",
             (Site("unsigned-at-wrong.test", signed=False, hosts=(), mx=((10, "mx.wrong-provider.test."),)),
              Site("wrong-provider.test", hosts=(Host(preference=None, tlsa=("3 1 1 wrong",)),))),
             provider_mismatch),
    Scenario("A forged MX in an unsigned domain, with DANE of its own, does not get past the domain's MTA-STS policy",
             "DANE-59",
             (Site("forged-mx.test", signed=False, hosts=(), mx=((10, "mx.attacker.test."),),
                   policy=Policy(mx=("mx.forged-mx.test",))),
              Site("attacker.test", hosts=(Host(preference=None, tlsa=EE),))), forged_mx),
)
