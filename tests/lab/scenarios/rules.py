"""[[destination]] entries: what an operator may ask for in place of what a destination publishes."""

from __future__ import annotations

import datetime
from typing import Any, Mapping, Union

from ca import SELF_SIGNED, WRONG_NAME, Cert
from expect import Bounced, Deferred, Delivered, UnderRule, equal
from scenario import Check, Scenario
from sites import Fault, Host, Policy, Site, Smtp, StartTls
from trial import Trial

CLEAR = Smtp(starttls=StartTls.ABSENT)
EE = ("3 1 1",)
WRONG = ("3 1 1 wrong",)
NO_TLS = Deferred("rule-no-tls", "4.7.4", level="encrypt")
CERTIFICATE = Deferred("rule-certificate", "4.7.5", level="secure")
NOT_LISTED = ("mail.elsewhere.test",)


def under(title: str, shows: str, site: Union[Site, tuple[Site, ...]], outcome: Union[Bounced, Deferred, Delivered],
          **rule: Any) -> Scenario:
    """One entry, for the first site's domain."""
    sites = (site,) if isinstance(site, Site) else site
    entry = {"domain": sites[0].zone, **rule}
    return Scenario(title, shows, sites, UnderRule(entry, outcome), rules=(entry,))


def waived(title: str, shows: str, site: Site, outcome: Delivered) -> Scenario:
    """Under "may": delivered all the same, and explain says what did not count."""
    entry = {"domain": site.zone, "tls": "may"}

    async def check(trial: Trial) -> None:
        await UnderRule(entry, outcome)(trial)
        host = (await trial.explain("--connect"))["hosts"][0]
        equal("explain: enforced", host["enforced"], False)
        found = [one["class"] for one in (host["waived"], host["connect"].get("waived")) if one is not None]
        equal("explain: what is waived", found, [outcome.waived])

    return Scenario(title, shows, (site,), check, rules=(entry,))


def never_tls(rule: Mapping[str, Any]) -> Check:
    async def check(trial: Trial) -> None:
        await UnderRule(rule, Delivered("none", level="none"))(trial)
        assert not any(visit.said("STARTTLS") for visit in trial.host().visits), "STARTTLS was said"
    return check


NONE = {"domain": "rule-none.test", "tls": "none", "comment": "their TLS is broken beyond use"}
FIRST = ({"domain": ".rule-first.test", "tls": "none"}, {"domain": "rule-first.test", "tls": "encrypt"},
         {"domain": "rule-first.test", "tls": "none"})
OVER = {"domain": "rule-over.test", "tls": "none", "until": datetime.date(2020, 1, 31)}
STILL = {"domain": "rule-still.test", "tls": "none", "until": datetime.date(2999, 1, 31), "comment": "being repaired"}
UNFETCHED = {"domain": "rule-sts-unfetched.test", "tls": "sts"}
DEFAULT = ({"domain": "origin.test", "tls": "may"}, {"domain": "*", "tls": "encrypt"})


async def first_counts(trial: Trial) -> None:
    await UnderRule(FIRST[1], Delivered("encrypted", level="encrypt"))(trial)
    below = await trial.send_one(domain=f"sub.{trial.domain}")
    equal("tls= below the domain", (await trial.attempt(below, "sent")).tls, "none")
    equal("explain: rule below the domain", (await trial.explain(domain=f"sub.{trial.domain}"))["rule"]["where"],
          trial.relay.where(FIRST[0]))


async def is_over(trial: Trial) -> None:
    await Delivered("encrypted")(trial)
    equal("explain: rule", (await trial.explain())["rule"], None)


async def still_applies(trial: Trial) -> None:
    await UnderRule(STILL, Delivered("none", level="none"))(trial)
    explained = (await trial.explain())["rule"]
    equal("explain: until and comment", (explained["until"], explained["comment"]), ("2999-01-31", "being repaired"))


async def unknown_while_it_cannot_be_fetched(trial: Trial) -> None:
    """The fetch fails once; while it is not tried again, whether there is a policy stays unknown, to explain too."""
    await UnderRule(UNFETCHED, Deferred("sts-unknown", "4.7.5"))(trial)
    await trial.attempt(await trial.send_one(), "deferred")
    for recipient in trial.recipients:
        equal("failed=", {one.failed for one in trial.relay.log.attempts(recipient)}, {"failed=sts-unknown"})
    assert (await trial.explain())["mta_sts"]["trouble"] is not None, "explain: mta_sts has no trouble"


async def told_with_its_reason(trial: Trial) -> None:
    """Where the rule stands tells our operator enough; why it is there is nobody else's business."""
    recipient = await trial.send_one()
    notice = await trial.notice(recipient, "delayed")
    line = f"Our rule at {trial.relay.where(COMMENTED)}: tls encrypt"
    assert line in notice.text, f"{line!r} is not in the notice: {notice.text}"
    assert COMMENTED["comment"] not in notice.text, f"the notice tells the comment: {notice.text}"


COMMENTED = {"domain": "rule-comment.test", "tls": "encrypt", "comment": "agreed with their postmaster"}

CLEAR_AND_MAY = (
    Scenario("tls = none: in clear, though the host offers TLS and publishes DANE", "STL-05 design-2",
             (Site(NONE["domain"], hosts=(Host(tlsa=EE),)),), never_tls(NONE), rules=(NONE,)),
    waived("tls = may: a key that no TLSA record names is told of, and mail goes out", "STL-05",
           Site("may-mismatch.test", hosts=(Host(tlsa=WRONG),)),
           Delivered("encrypted", level="dane", waived="dane-mismatch")),
    waived("tls = may: a TLSA lookup that fails is told of, and mail goes out", "STL-05",
           Site("may-servfail.test", hosts=(Host(tlsa=EE),), faults={("_25._tcp.mx", "TLSA"): Fault.SERVFAIL}),
           Delivered("encrypted", waived="dane-lookup")),
    waived("tls = may: an enforced policy that does not list the host is told of, and mail goes out", "STL-05 STS-32",
           Site("may-unlisted.test", signed=False, policy=Policy(mx=NOT_LISTED)),
           Delivered("encrypted", waived="sts-mx-mismatch")),
    waived("tls = may: a self-signed certificate under enforce is told of, and mail goes out", "STL-05 STS-32",
           Site("may-certificate.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy()),
           Delivered("encrypted", level="sts", waived="sts-certificate")),
    under("tls = may: a DANE host without STARTTLS gets it in clear, and the log says that it was owed more", "STL-05",
          Site("may-clear.test", hosts=(Host(tlsa=EE, smtp=CLEAR),)),
          Delivered("none", level="dane", waived="dane-no-tls"), tls="may"),
    under("tls = may: where DANE holds, it is what the log says", "DANE-57",
          Site("may-dane.test", hosts=(Host(tlsa=EE),)), Delivered("dane"), tls="may"),
)

ENCRYPT = (
    under("tls = encrypt: a self-signed certificate will do", "STL-05",
          Site("encrypt.test", signed=False, hosts=(Host(cert=SELF_SIGNED),)),
          Delivered("encrypted", level="encrypt"), tls="encrypt"),
    under("tls = encrypt: a host without STARTTLS gets nothing", "STL-05 pitfall-25",
          Site("encrypt-clear.test", signed=False, hosts=(Host(smtp=CLEAR),)), NO_TLS, tls="encrypt"),
    under("tls = encrypt: a broken handshake is not followed by clear text", "STL-05 pitfall-60",
          Site("encrypt-broken.test", signed=False, hosts=(Host(smtp=Smtp(starttls=StartTls.CLOSE)),)), NO_TLS,
          tls="encrypt"),
    under("tls = encrypt counts in the place of DANE", "STL-05",
          Site("encrypt-dane.test", hosts=(Host(tlsa=WRONG),)), Delivered("encrypted", level="encrypt"),
          tls="encrypt"),
)

DANE = (
    under("tls = dane: a policy that lists other hosts does not count", "DANE-57 STS-32",
          Site("rule-dane.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy(mx=NOT_LISTED)),
          Delivered("encrypted"), tls="dane"),
    under("tls = dane: a key that no TLSA record names is refused", "DANE-31",
          Site("rule-dane-wrong.test", hosts=(Host(tlsa=WRONG),)), Deferred("dane-mismatch", "4.7.5", level="dane"),
          tls="dane"),
    under("tls = dane-only: DANE holds", "DANE-31", Site("dane-only.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE),)),
          Delivered("dane"), tls="dane-only"),
    under("tls = dane-only: without TLSA records nothing is sent, whatever the policy says", "DANE-31",
          Site("dane-only-none.test", policy=Policy()), Deferred("dane-required", "4.7.5"), tls="dane-only"),
    under("tls = dane-only: an MX record without DNSSEC is not enough", "DANE-15 DANE-31",
          (Site("dane-only-mx.test", signed=False, hosts=(), mx=((10, "mx.dane-only-host.test."),)),
           Site("dane-only-host.test", hosts=(Host(preference=None, tlsa=EE),))),
          Deferred("dane-required", "4.7.5", host="mx.dane-only-host.test."), tls="dane-only"),
    under("tls = dane-only: records none of which is usable are not enough", "DANE-31 DANE-35",
          Site("dane-only-unusable.test", hosts=(Host(tlsa=("1 1 1",)),)), Deferred("dane-required", "4.7.5"),
          tls="dane-only"),
)

STS = (
    under("tls = sts: a policy in testing mode is held to", "STS-35",
          Site("rule-sts.test", signed=False, policy=Policy(mode="testing")), Delivered("sts"), tls="sts"),
    under("tls = sts: under a policy in testing mode a self-signed certificate is refused", "STS-31 STS-35",
          Site("rule-sts-testing.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy(mode="testing")),
          Deferred("sts-certificate", "4.7.5", level="sts"), tls="sts"),
    under("tls = sts: without a policy mail waits", "STS-01", Site("rule-sts-none.test", signed=False),
          Deferred("sts-required", "4.7.5"), tls="sts"),
    under("tls = sts: TLSA records do not stand in for the policy", "STS-01 DANE-57",
          Site("rule-sts-dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE),), policy=Policy()),
          Deferred("sts-certificate", "4.7.5", level="sts"), tls="sts"),
    Scenario("tls = sts: while the policy cannot be fetched, mail waits, and nobody says that there is none",
             "STS-01 STS-18 pitfall-12",
             (Site(UNFETCHED["domain"], signed=False, policy=Policy(status=404)),),
             unknown_while_it_cannot_be_fetched, rules=(UNFETCHED,)),
)

SECURE = (
    under("tls = secure: a certificate for a host below the domain", "NAM-01",
          Site("secure.test", signed=False), Delivered("secure"), tls="secure"),
    under("tls = secure: a certificate for the domain itself", "NAM-01",
          Site("secure-domain.test", signed=False, hosts=(Host(cert=Cert(names=("secure-domain.test",))),)),
          Delivered("secure"), tls="secure"),
    under("tls = secure: a certificate for another name is refused", "NAM-01",
          Site("secure-wrong.test", signed=False, hosts=(Host(cert=WRONG_NAME),)), CERTIFICATE, tls="secure"),
    under("tls = secure: a self-signed certificate is refused", "NAM-01",
          Site("secure-self.test", signed=False, hosts=(Host(cert=SELF_SIGNED),)), CERTIFICATE, tls="secure"),
    under("tls = secure: the name in an MX record that anybody could forge does not count", "NAM-01 NAM-03",
          (Site("secure-mx.test", signed=False, hosts=(), mx=((10, "mx.secure-mx-host.test."),)),
           Site("secure-mx-host.test", signed=False, hosts=(Host(preference=None),))),
          Deferred("rule-certificate", "4.7.5", host="mx.secure-mx-host.test.", level="secure"), tls="secure"),
    under("tls = secure: the name in tls_match counts, wherever the MX record leads", "NAM-01",
          (Site("secure-match.test", signed=False, hosts=(), mx=((10, "mx.secure-match-host.test."),)),
           Site("secure-match-host.test", signed=False, hosts=(Host(preference=None),))),
          Delivered("secure", host="mx.secure-match-host.test."), tls="secure",
          tls_match=["mx.secure-match-host.test"]),
    under("tls = secure: .name in tls_match is for every name below it", "NAM-01",
          Site("secure-below.test", signed=False, hosts=(Host(cert=Cert(names=("a.b.partner.test",))),)),
          Delivered("secure"), tls="secure", tls_match=[".partner.test"]),
    under("tls = secure: .name in tls_match is not for the name itself", "NAM-01",
          Site("secure-not-below.test", signed=False, hosts=(Host(cert=Cert(names=("partner.test",))),)),
          CERTIFICATE, tls="secure", tls_match=[".partner.test"]),
    under("tls = secure: a host without STARTTLS gets nothing", "STL-05 pitfall-25",
          Site("secure-clear.test", signed=False, hosts=(Host(smtp=CLEAR),)),
          Deferred("rule-no-tls", "4.7.4", level="secure"), tls="secure"),
)

WHICH = (
    Scenario("The first entry that matches counts; .domain is for what is below it", "design-2",
             (Site("rule-first.test", signed=False, hosts=(Host(cert=SELF_SIGNED),),
                   records=("sub.rule-first.test. IN MX 10 mx.rule-first.test.",)),), first_counts, rules=FIRST),
    Scenario("An entry whose last day is over does not apply", "design-2", (Site(OVER["domain"], signed=False),),
             is_over, rules=(OVER,)),
    Scenario("An entry whose last day is to come applies, and explain shows the day and the comment", "design-2",
             (Site(STILL["domain"], signed=False),), still_applies, rules=(STILL,)),
    Scenario("An entry for * is for everything that no entry before it names", "design-2",
             (Site("rule-default.test", signed=False, hosts=(Host(smtp=CLEAR),)),), UnderRule(DEFAULT[1], NO_TLS),
             settings={}, rules=DEFAULT),
    Scenario("A notice of a delay that a rule causes names its line, and keeps the comment for ourselves", "pitfall-104",
             (Site(COMMENTED["domain"], signed=False, hosts=(Host(smtp=CLEAR),)),), told_with_its_reason,
             rules=(COMMENTED,)),
)

SCENARIOS = (*CLEAR_AND_MAY, *ENCRYPT, *DANE, *STS, *SECURE, *WHICH)
