"""The corners of DANE and MTA-STS: hosts of different worth beside each other, odd names, odd records, odd files."""

from __future__ import annotations

from typing import Any

from ca import EXPIRED, PRIVATE, SELF_SIGNED, Cert, Issuer
from expect import Bounced, Deferred, Delivered, equal
from scenario import Check, Scenario
from sites import Fault, Host, Policy, Site, Smtp, StartTls
from trial import Trial

CLEAR = Smtp(starttls=StartTls.ABSENT)
EE = ("3 1 1",)
DANE = Delivered("dane")
STS = Delivered("sts")
NO_POLICY = Delivered("encrypted")  # at a host with a self-signed certificate, which a policy would refuse
MISMATCH = Deferred("dane-mismatch", "4.7.5", level="dane")
DANE_NO_TLS = Deferred("dane-no-tls", "4.7.4", level="dane")
CERTIFICATE = Deferred("sts-certificate", "4.7.5", level="sts")
STS_NO_TLS = Deferred("sts-no-tls", "4.7.4", level="sts")
MESSAGES = 6


def dane(zone: str, **fields: Any) -> tuple[Site, ...]:
    return (Site(zone, hosts=(Host(**fields),)),)


def enforce(zone: str, **fields: Any) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(Host(**fields),), policy=Policy()),)


def policy(zone: str, **fields: Any) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy(**fields)),)


def good_and_clear(zone: str, good: int, clear: int) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(Host("good", good), Host("clear", clear, smtp=CLEAR)), policy=Policy()),)


def only_at(name: str, tls: str) -> Check:
    """The very first message and all later ones arrive at `name`; the other hosts never see an envelope."""
    async def check(trial: Trial) -> None:
        others = tuple(host.name for host in trial.site.hosts if host.name != name)
        expected = Delivered(tls, host=name, passed_over=others, explained=False)
        for _ in range(MESSAGES):
            await expected(trial)
    return check


async def literal(trial: Trial) -> None:
    """user@[address]: no name, so nothing is looked up, nothing is named in the handshake, nothing is owed."""
    recipient = await trial.send_one(domain=f"[{trial.host().address}]")
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")
    equal("SNI", {visit.sni for visit in trial.host().visits}, {None})
    equal("queries about the host", [one for one in trial.world.dns.faulty.queries if trial.domain in one[0]], [])


async def original_name(trial: Trial) -> None:
    """TLSA records at the alias itself, whose target is in an unsigned zone."""
    recipient = await trial.send_one()
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    target = trial.world.hosts["mx.alias-out-target.test"]
    equal("SNI", {visit.sni for visit in target.visits}, {"mx.alias-out.test"})


def at_provider(provider: str, tls: str) -> Check:
    async def check(trial: Trial) -> None:
        recipient = await trial.send_one()
        equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, tls)
        equal("hosts that took it", trial.accepted_by(recipient), [provider])
    return check


def refused_by_provider(provider: str, failure: str) -> Check:
    async def check(trial: Trial) -> None:
        recipient = await trial.send_one()
        equal("failed= in the log", (await trial.attempt(recipient, "deferred")).failed, f"failed={failure}")
        assert not trial.world.hosts[provider].saw_mail(), "the provider saw an envelope"
    return check


def of_alias(tls: str) -> Check:
    async def check(trial: Trial) -> None:
        recipient = await trial.send_one(domain=f"alias.{trial.domain}")
        equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, tls)
    return check


async def not_the_targets_policy(trial: Trial) -> None:
    await of_alias("encrypted")(trial)
    equal("requests at the target's policy host", trial.policy_host().requests, [])


async def used_and_not_kept(trial: Trial) -> None:
    """max_age 0: the policy holds for the message that fetched it; the next one fetches again."""
    for number in (1, 2):
        recipient = await trial.send_one()
        equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "sts")
        assert len(trial.policy_host().requests) >= number, "the policy was not fetched again"
    shown = await trial.relay.run("policy", "show", "--json", trial.domain)
    assert shown.status != 0 or not shown.json["in_force"], "a policy of max_age 0 was kept"


async def says_what_is_bogus(trial: Trial) -> None:
    recipient = await trial.send_one()
    text = (await trial.attempt(recipient, "deferred")).text
    assert "bogus" in text and f"MX {trial.domain}" in text, f"neither name nor reason in the log: {text}"


BESIDE_EACH_OTHER = (
    Scenario("Two hosts under one enforced policy, the preferred one without TLS: all mail goes to the other",
             "STS-32 STS-33 STS-42 pitfall-25", good_and_clear("clear-first.test", 20, 10), only_at("good", "sts")),
    Scenario("Two hosts under one enforced policy, the lesser one without TLS: it never sees mail",
             "STS-32 STS-33 STS-42 pitfall-25", good_and_clear("clear-last.test", 10, 20), only_at("good", "sts")),
    Scenario("Two equal hosts under one enforced policy, one without TLS: whichever comes first, the other gets it",
             "STS-32 STS-33 pitfall-25", good_and_clear("clear-equal.test", 10, 10), only_at("good", "sts")),
    Scenario("Two hosts under one enforced policy, the preferred one with an expired certificate: the same",
             "STS-31 STS-33",
             (Site("expired-first.test", signed=False, hosts=(Host("bad", 10, EXPIRED), Host("good", 20)),
                   policy=Policy()),), only_at("good", "sts")),
    Scenario("Two equal DANE hosts, one without STARTTLS: it never sees mail", "DANE-31 DANE-53 pitfall-25",
             (Site("dane-clear-equal.test",
                   hosts=(Host("good", 10, SELF_SIGNED, EE), Host("clear", 10, SELF_SIGNED, EE, CLEAR))),),
             only_at("good", "dane")),
    Scenario("Preference comes before DANE: the first host gets it, though the second has TLSA", "DANE-12",
             (Site("preference.test", hosts=(Host("plain", 10), Host("strong", 20, SELF_SIGNED, EE))),),
             only_at("plain", "encrypted")),
    Scenario("The DANE host is down: the other is held to MTA-STS, and refused", "DANE-60 pitfall-29",
             (Site("dane-down-bad.test", hosts=(Host("mx1", 10, SELF_SIGNED, EE, listening=False),
                                                Host("mx2", 20, SELF_SIGNED)), policy=Policy()),),
             Deferred("sts-certificate", "4.7.5", host="mx2", level="sts")),
    Scenario("The DANE host is down: the other satisfies MTA-STS, and gets it", "DANE-60 pitfall-29",
             (Site("dane-down-good.test", hosts=(Host("mx1", 10, SELF_SIGNED, EE, listening=False), Host("mx2", 20)),
                   policy=Policy()),), Delivered("sts", host="mx2")),
    Scenario("A host whose address lookup fails leaves the other its DANE", "DANE-07 pitfall-30",
             (Site("address-fails.test", hosts=(Host("mx1", 10), Host("mx2", 20, SELF_SIGNED, EE)),
                   faults={("mx1", "A"): Fault.SERVFAIL, ("mx1", "AAAA"): Fault.SERVFAIL}),),
             Delivered("dane", host="mx2", passed_over=("mx1",))),
    Scenario("A host whose address has expired signatures leaves the other its DANE", "DANE-07 pitfall-30 pitfall-31",
             (Site("address-bogus.test", hosts=(Host("mx1", 10), Host("mx2", 20, SELF_SIGNED, EE)),
                   expired=(("mx1", "A"),)),), Delivered("dane", host="mx2", passed_over=("mx1",))),
    Scenario("The only host's address has expired signatures: not connected to", "DANE-07 pitfall-46 pitfall-47",
             (Site("only-bogus.test", expired=(("mx", "A"),)),), Deferred("dns-bogus", "4.4.3")),
)

WHEN_DANE_APPLIES = (
    Scenario("A signed alias into an unsigned zone: DANE by the records at the alias, which is SNI too",
             "DANE-25 DANE-29 DANE-47 pitfall-34",
             # All 2 1 1 records of the private root are alike, so those of a host that only lends them will do.
             (Site("alias-out.test",
                   hosts=(Host("mx", alias="mx.alias-out-target.test."),
                          Host("lender", None, PRIVATE, ("2 1 1",), listening=False)),
                   records=("_25._tcp.mx.alias-out.test. IN CNAME _25._tcp.lender.alias-out.test.",)),
              Site("alias-out-target.test", signed=False,
                   hosts=(Host(preference=None, cert=Cert(Issuer.PRIVATE, names=("mx.alias-out.test",))),))),
             original_name),
    Scenario("An alias in an unsigned zone is not followed to TLSA records", "DANE-24 pitfall-34",
             (Site("loose-link.test", hosts=(), mx=((10, "mx.loose-link-alias.test."),)),
              Site("loose-link-alias.test", signed=False,
                   hosts=(Host(preference=None, alias="mx.loose-link-target.test."),)),
              Site("loose-link-target.test", hosts=(Host(preference=None, tlsa=("3 1 1 wrong",)),))),
             at_provider("mx.loose-link-target.test", "encrypted")),
    Scenario("TLSA records behind an unsigned alias do not count", "DANE-10 DANE-29 DANE-30",
             (Site("loose-tlsa.test",
                   records=("_25._tcp.mx.loose-tlsa.test. IN CNAME _25._tcp.mx.loose-tlsa-target.test.",)),
              Site("loose-tlsa-target.test", signed=False,
                   hosts=(Host(preference=None, tlsa=("3 1 1 wrong",), listening=False),))),
             Delivered("encrypted")),
    Scenario("A domain without MX whose key no TLSA record names is refused", "DANE-18 DANE-31 pitfall-36",
             dane("implicit-wrong.test", name="@", preference=None, tlsa=("3 1 1 wrong",)),
             Deferred("dane-mismatch", "4.7.5", host="@", level="dane")),
    Scenario("Over unsigned MX records a certificate for the recipient's domain alone proves nothing",
             "DANE-17 NAM-03 pitfall-35",
             (Site("customer-name.test", signed=False, hosts=(), mx=((10, "mx.provider-name.test."),)),
              Site("provider-name.test",
                   hosts=(Host(preference=None, cert=Cert(Issuer.PRIVATE, names=("customer-name.test",)),
                               tlsa=("2 1 1",)),))),
             refused_by_provider("mx.provider-name.test", "dane-mismatch")),
    Scenario("Unsigned MX records, TLSA and an enforced policy: both are owed, both hold", "DANE-15 DANE-59",
             (Site("both-hold.test", signed=False, hosts=(), mx=((10, "mx.both-hold-provider.test."),),
                   policy=Policy(mx=("mx.both-hold-provider.test",))),
              Site("both-hold-provider.test", hosts=(Host(preference=None, tlsa=EE),))),
             at_provider("mx.both-hold-provider.test", "dane-host-only")),
    Scenario("Unsigned MX records, TLSA and an enforced policy: the key is right, the certificate is not trusted",
             "DANE-59 STS-31",
             (Site("one-holds.test", signed=False, hosts=(), mx=((10, "mx.one-holds-provider.test."),),
                   policy=Policy(mx=("mx.one-holds-provider.test",))),
              Site("one-holds-provider.test", hosts=(Host(preference=None, cert=SELF_SIGNED, tlsa=EE),))),
             refused_by_provider("mx.one-holds-provider.test", "sts-certificate")),
    Scenario("An address in an MX record is no host: comes back, and no TLSA is asked for", "DANE-34",
             (Site("mx-is-address.test", hosts=(), mx=((10, "192.0.2.1."),)),), Bounced("5.4.4", undeliverable=True)),
    Scenario("A recipient at an address: no policy, no TLSA, no SNI", "STS-02 DANE-34 pitfall-27",
             (Site("literal.test", hosts=(Host(tlsa=("3 1 1 wrong",)),), policy=Policy(), watched=True),), literal),
    Scenario("The log says which records are bogus", "DANE-06 pitfall-47",
             (Site("bogus-said.test", expired=(("@", "MX"),)),), says_what_is_bogus),
)

DANE_RECORDS = (
    Scenario("A matching 3 1 1 beside a 2 1 1 that does not match is enough", "DANE-43 pitfall-38",
             dane("either-way.test", cert=PRIVATE, tlsa=("3 1 1", "2 1 1 wrong")), DANE),
    Scenario("Whole key (3 1 0) is delivered", "DANE-36 DANE-39",
             dane("whole-key.test", cert=SELF_SIGNED, tlsa=("3 1 0",)), DANE),
    Scenario("Whole certificate (3 0 0) is delivered", "DANE-36 DANE-39",
             dane("whole-certificate.test", cert=SELF_SIGNED, tlsa=("3 0 0",)), DANE),
    Scenario("Whole trust anchor (2 0 0) is delivered", "DANE-40 DANE-41 pitfall-39",
             dane("whole-anchor.test", cert=PRIVATE, tlsa=("2 0 0",)), DANE),
    Scenario("The strongest digest decides: 3 1 2 matches, 3 1 1 does not, delivered", "DANE-38",
             dane("agility-good.test", cert=SELF_SIGNED, tlsa=("3 1 1 wrong", "3 1 2")), DANE),
    Scenario("A whole key is never put aside for a digest: 3 1 0 matches, 3 1 2 does not, delivered", "DANE-38",
             dane("agility-full.test", cert=SELF_SIGNED, tlsa=("3 1 0", "3 1 2 wrong")), DANE),
    Scenario("Selector 2, matching type 9, a short digest: encrypted, without authentication", "DANE-36 pitfall-37",
             dane("odd-records.test", cert=SELF_SIGNED, tlsa=("3 2 1", "3 1 9", "3 1 1 short")),
             Delivered("encrypted", level="encrypt")),
    Scenario("Selector 2, matching type 9, a short digest, and no STARTTLS: refused", "DANE-32 DANE-36 pitfall-37",
             dane("odd-clear.test", tlsa=("3 2 1", "3 1 9", "3 1 1 short"), smtp=CLEAR),
             Deferred("dane-no-tls", "4.7.4", level="encrypt")),
    Scenario("TLSA records too large for a datagram are read whole", "pitfall-50",
             dane("many-records.test", cert=PRIVATE,
                  tlsa=("3 0 0", "2 0 0", "3 1 0", "2 1 0", "3 0 1", "2 0 1", "3 0 2", "2 0 2", "3 1 2", "2 1 2",
                        "1 0 0", "0 0 0")), DANE),
    Scenario("A host name with an underscore keeps its DANE", "DANE-31 pitfall-50",
             (Site("underscore.test", hosts=(Host("_mx", cert=SELF_SIGNED, tlsa=EE),)),),
             Delivered("dane", host="_mx")),
)

NAMES = (
    Scenario("DANE-TA: a certificate that names the host in its CN only counts", "DANE-45",
             dane("ta-cn.test", cert=Cert(Issuer.PRIVATE, common_name_only=True), tlsa=("2 1 1",)), DANE),
    Scenario("DANE-TA: a wildcard for the host's zone counts", "DANE-46 NAM-02",
             dane("ta-wildcard.test", cert=Cert(Issuer.PRIVATE, names=("*.ta-wildcard.test",)), tlsa=("2 1 1",)), DANE),
    Scenario("DANE-TA: a wildcard does not cover two labels", "DANE-46 NAM-02",
             dane("ta-two-labels.test", cert=Cert(Issuer.PRIVATE, names=("*.test",)), name="a.b", tlsa=("2 1 1",)),
             Deferred("dane-mismatch", "4.7.5", host="a.b", level="dane")),
    Scenario("DANE-TA: a certificate for the alias that the mail was addressed to counts", "DANE-13 DANE-44 pitfall-41",
             (Site("ta-alias.test",
                   hosts=(Host(cert=Cert(Issuer.PRIVATE, names=("alias.ta-alias.test",)), tlsa=("2 1 1",)),),
                   records=("alias.ta-alias.test. IN CNAME ta-alias.test.",)),), of_alias("dane")),
    Scenario("MTA-STS: a wildcard certificate for the host's zone counts", "STS-31 NAM-02",
             enforce("cert-wildcard.test", cert=Cert(names=("*.cert-wildcard.test",))), STS),
    Scenario("MTA-STS: a wildcard certificate does not cover two labels", "STS-31 NAM-02",
             enforce("cert-two-labels.test", name="a.b", cert=Cert(names=("*.cert-two-labels.test",))),
             Deferred("sts-certificate", "4.7.5", host="a.b", level="sts")),
    Scenario("MTA-STS: a wildcard for a part of a label does not count", "STS-31 NAM-02",
             enforce("cert-partial.test", cert=Cert(names=("m*.cert-partial.test",))), CERTIFICATE),
    Scenario("MTA-STS: names in a certificate are compared without regard to case", "STS-31 NAM-01",
             enforce("cert-case.test", cert=Cert(names=("MX.Cert-Case.TEST",))), STS),
    Scenario("MTA-STS: any of a certificate's names will do", "STS-31 NAM-01",
             enforce("cert-names.test", cert=Cert(names=("www.cert-names.test", "mx.cert-names.test"))), STS),
    Scenario("The policy of an alias's target is not looked at", "STS-01 pitfall-4",
             (Site("policy-of-target.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy(),
                   records=("alias.policy-of-target.test. IN CNAME policy-of-target.test.",)),),
             not_the_targets_policy),
)

SESSIONS = (
    Scenario("TLS 1.1 at most from a DANE host: refused", "DANE-49 BCP-01 pitfall-60",
             dane("dane-old-tls.test", cert=SELF_SIGNED, tlsa=EE, smtp=Smtp(starttls=StartTls.OLD_VERSION)),
             DANE_NO_TLS),
    Scenario("Garbage in place of a DANE host's handshake: refused", "DANE-31 pitfall-60",
             dane("dane-garbage.test", cert=SELF_SIGNED, tlsa=EE, smtp=Smtp(starttls=StartTls.GARBAGE)), DANE_NO_TLS),
    Scenario("STARTTLS answered 502 by a DANE host: refused, not bounced", "DANE-31 DANE-53 pitfall-25",
             dane("dane-502.test", cert=SELF_SIGNED, tlsa=EE, smtp=Smtp(starttls=StartTls.REFUSED_502)), DANE_NO_TLS),
    Scenario("STARTTLS answered 454 under enforce: refused", "STS-32 pitfall-25",
             enforce("sts-454.test", smtp=Smtp(starttls=StartTls.REFUSED_454)), STS_NO_TLS),
    Scenario("A handshake broken off under enforce: refused, no second connection in clear", "STS-32 pitfall-60",
             enforce("sts-close.test", smtp=Smtp(starttls=StartTls.CLOSE)), STS_NO_TLS),
    Scenario("Plaintext planted behind the 220 under enforce: refused", "STS-32 pitfall-58",
             enforce("sts-planted.test", smtp=Smtp(starttls=StartTls.INJECTED)), STS_NO_TLS),
    Scenario("Testing mode: a handshake broken off, then in clear", "STS-35 pitfall-22 pitfall-60",
             (Site("testing-broken.test", signed=False, hosts=(Host(smtp=Smtp(starttls=StartTls.CLOSE)),),
                   policy=Policy(mode="testing")),), Delivered("none", explained=False)),
)

POLICY_FILES = (
    Scenario("A policy with an address for its only mx is no policy", "STS-22 pitfall-14",
             policy("mx-address.test", mx=("198.51.100.1",)), NO_POLICY),
    Scenario("An address beside a good mx does no harm", "STS-22 pitfall-14",
             (Site("mx-both.test", signed=False, policy=Policy(mx=("198.51.100.1", "mx.mx-both.test"))),), STS),
    Scenario("A policy without version is no policy", "STS-20 pitfall-15",
             policy("no-version.test", text="mode: enforce\nmx: mx.no-version.test\nmax_age: 86400\n"), NO_POLICY),
    Scenario("A policy without max_age is no policy", "STS-20 pitfall-17",
             policy("no-max-age.test", text="version: STSv1\nmode: enforce\nmx: mx.no-max-age.test\n"), NO_POLICY),
    Scenario("A policy with a negative max_age is no policy", "STS-23 pitfall-17",
             policy("negative-age.test", max_age=-1), NO_POLICY),
    Scenario("A policy that begins with a byte order mark is no policy", "STS-19 pitfall-15",
             policy("bom.test", text="\ufeffversion: STSv1\nmode: enforce\nmx: mx.bom.test\nmax_age: 86400\n"),
             NO_POLICY),
    Scenario("A policy with max_age 0 holds for the message that fetched it, and is not kept", "STS-23 pitfall-17",
             (Site("max-age-0.test", signed=False, policy=Policy(max_age=0)),), used_and_not_kept),
    Scenario("A record whose id has 33 characters is no record", "STS-06 pitfall-2",
             policy("long-id.test", txt=(f"v=STSv1; id={'1' * 33};",)), NO_POLICY),
    Scenario("A record with a blank before its first semicolon is no record", "STS-05 pitfall-2",
             policy("blank.test", txt=("v=STSv1 ; id=1;",)), NO_POLICY),
    Scenario("A record behind a CNAME counts", "STS-03 pitfall-3",
             (Site("record-alias.test", signed=False, policy=Policy(txt=()),
                   records=("_mta-sts.record-alias.test. IN CNAME sts.record-alias.test.",
                            'sts.record-alias.test. IN TXT "v=STSv1; id=1;"')),), STS),
    Scenario("A policy host behind a CNAME, with a certificate for its own name alone, gives no policy",
             "STS-12 pitfall-3",
             policy("own-name.test", alias="policies", cert=Cert(names=("policies.own-name.test",))), NO_POLICY),
    Scenario("A policy host with a certificate from an authority nobody trusts gives no policy", "STS-12 pitfall-9",
             policy("policy-private.test", cert=PRIVATE), NO_POLICY),
    Scenario("A policy host at a link-local address is not connected to", "pitfall-10",
             policy("policy-metadata.test", address="169.254.169.254"), NO_POLICY),
    Scenario("A policy host at a private address is not connected to", "pitfall-10",
             policy("policy-inside.test", address="10.0.0.1"), NO_POLICY),
    Scenario("Status 206 is no policy", "STS-14 pitfall-8", policy("policy-206.test", status=206), NO_POLICY),
)

SCENARIOS = (*BESIDE_EACH_OTHER, *WHEN_DANE_APPLIES, *DANE_RECORDS, *NAMES, *SESSIONS, *POLICY_FILES)
