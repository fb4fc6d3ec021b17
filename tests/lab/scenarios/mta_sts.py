"""MTA-STS: which host may get mail under a policy, and which may not."""

from __future__ import annotations

from ca import CN_ONLY, EXPIRED, SELF_SIGNED, WRONG_NAME, Cert, Issuer
from expect import Deferred, Delivered, equal
from scenario import Scenario
from sites import Host, Policy, Site, Smtp, StartTls
from trial import Trial

STS = Delivered("sts")
CERTIFICATE = Deferred("sts-certificate", "4.7.5", level="sts")
NO_TLS = Deferred("sts-no-tls", "4.7.4", level="sts")
CLEAR = Smtp(starttls=StartTls.ABSENT)


def enforce(zone: str, host: Host = Host(), **policy: object) -> tuple[Site, ...]:
    return (Site(zone, signed=False, hosts=(host,), policy=Policy(**policy)),)  # type: ignore[arg-type]


async def shared_host(trial: Trial) -> None:
    """A (policy lists another host) and B (no policy) share one MX host: neither order leaks."""
    strict, plain = trial.sites[0].zone, trial.sites[1].zone
    sent = [await trial.send_one(domain=domain) for domain in (strict, plain, strict, plain)]
    for recipient in sent:
        if recipient.endswith(f"@{plain}"):
            equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")
        else:
            equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-mx-mismatch")
            equal("hosts that took it", trial.accepted_by(recipient), [])


async def trusted_and_not(trial: Trial) -> None:
    """A (no policy) and B (enforce) share a host with a self-signed certificate: B never rides A's session."""
    plain, strict = trial.sites[0].zone, trial.sites[1].zone
    sent = [await trial.send_one(domain=domain) for domain in (plain, strict, plain, strict)]
    for recipient in sent:
        if recipient.endswith(f"@{plain}"):
            await trial.attempt(recipient, "sent")
        else:
            equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=sts-certificate")
            equal("hosts that took it", trial.accepted_by(recipient), [])


async def no_answer_for_parent(trial: Trial) -> None:
    """sub.<zone> has no policy; that of the parent is not looked at."""
    recipient = await trial.send_one(domain=f"sub.{trial.domain}")
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "encrypted")
    equal("requests at the parent's policy host", trial.policy_host().requests, [])
    equal("TXT queries for the parent", trial.world.dns.faulty.asked(f"_mta-sts.{trial.domain}", "TXT"), 0)


SCENARIOS = (
    Scenario("Enforce, listed host, valid certificate: delivered", "STS-29 STS-31 STS-38",
             enforce("sts-good.test"), STS),
    Scenario("Enforce works as well in a signed zone without TLSA", "DANE-33 DANE-60",
             (Site("sts-signed.test", policy=Policy()),), STS),
    Scenario("MX names are compared without regard to case", "STS-29 pitfall-6",
             (Site("sts-case.test", signed=False, mx=((10, "MX.Sts-Case.TEST."),), policy=Policy()),), STS),
    Scenario("A wildcard covers one label", "STS-29 pitfall-23",
             enforce("sts-wildcard.test", mx=("*.sts-wildcard.test",)), STS),
    Scenario("A wildcard does not cover two labels", "STS-29 pitfall-23",
             enforce("sts-two-labels.test", Host("x.y"), mx=("*.sts-two-labels.test",)),
             Deferred("sts-mx-mismatch", "4.7.5", host="x.y")),
    Scenario("A wildcard does not cover the domain itself", "STS-29 STS-30 pitfall-23",
             enforce("sts-apex.test", Host("@", preference=None), mx=("*.sts-apex.test",)),
             Deferred("sts-mx-mismatch", "4.7.5", host="@")),
    Scenario("A domain without MX is matched by its own name", "STS-30",
             enforce("sts-implicit.test", Host("@", preference=None), mx=("sts-implicit.test",)),
             Delivered("sts", host="@")),
    Scenario("An MX host that the policy does not list is never connected to", "STS-32 pitfall-23 pitfall-25",
             enforce("sts-unlisted.test", mx=("mail.sts-unlisted.test",)), Deferred("sts-mx-mismatch", "4.7.5")),
    Scenario("An unlisted first host is passed over for a listed second", "STS-33 STS-37",
             (Site("sts-second.test", signed=False, hosts=(Host("mx1", 10), Host("mx2", 20)),
                   policy=Policy(mx=("mx2.sts-second.test",))),),
             Delivered("sts", host="mx2", passed_over=("mx1",))),
    Scenario("A first host with a bad certificate is passed over for a good second", "STS-33",
             (Site("sts-second-good.test", signed=False, hosts=(Host("mx1", 10, EXPIRED), Host("mx2", 20)),
                   policy=Policy()),), Delivered("sts", host="mx2", passed_over=("mx1",))),
    Scenario("A certificate for another name is refused", "STS-31 STS-32",
             enforce("sts-wrong-name.test", Host(cert=WRONG_NAME)), CERTIFICATE),
    Scenario("A certificate for the recipient's domain, not the host, is refused", "STS-31",
             enforce("sts-domain-name.test", Host(cert=Cert(names=("sts-domain-name.test",)))), CERTIFICATE),
    Scenario("A self-signed certificate is refused", "STS-31 STS-32",
             enforce("sts-self-signed.test", Host(cert=SELF_SIGNED)), CERTIFICATE),
    Scenario("A certificate from an authority nobody trusts is refused", "STS-31",
             enforce("sts-private.test", Host(cert=Cert(issuer=Issuer.PRIVATE))), CERTIFICATE),
    Scenario("An expired certificate is refused", "STS-31 STS-32",
             enforce("sts-expired.test", Host(cert=EXPIRED)), CERTIFICATE),
    Scenario("A certificate that names the host in its CN only is refused", "STS-31 NAM-01 pitfall-27",
             enforce("sts-cn-only.test", Host(cert=CN_ONLY)), CERTIFICATE),
    Scenario("STARTTLS not offered under enforce: refused, nothing sent in clear", "STS-32 pitfall-25",
             enforce("sts-clear.test", Host(smtp=CLEAR)), NO_TLS),
    Scenario("STARTTLS answered 502 under enforce: refused, not bounced", "STS-32 STS-33 pitfall-25",
             enforce("sts-502.test", Host(smtp=Smtp(starttls=StartTls.REFUSED_502))), NO_TLS),
    Scenario("A broken handshake under enforce: refused, no second connection in clear", "STS-32 pitfall-60",
             enforce("sts-broken.test", Host(smtp=Smtp(starttls=StartTls.GARBAGE))), NO_TLS),
    Scenario("TLS 1.1 at most under enforce: refused", "STS-39 BCP-01",
             enforce("sts-old-tls.test", Host(smtp=Smtp(starttls=StartTls.OLD_VERSION))), NO_TLS),
    Scenario("Testing mode: unlisted host with a self-signed certificate is delivered all the same",
             "STS-35 pitfall-22",
             enforce("sts-testing.test", Host(cert=SELF_SIGNED), mode="testing", mx=("mail.sts-testing.test",)),
             Delivered("encrypted")),
    Scenario("Testing mode: a host without STARTTLS is delivered in clear", "STS-35 pitfall-22",
             enforce("sts-testing-clear.test", Host(smtp=CLEAR), mode="testing"), Delivered("none")),
    Scenario("Testing mode does not switch DANE off", "STS-35 DANE-57",
             (Site("sts-testing-dane.test", hosts=(Host(tlsa=("3 1 1 wrong",)),), policy=Policy(mode="testing")),),
             Deferred("dane-mismatch", "4.7.5", level="dane")),
    Scenario("Mode none: as if there were no policy", "STS-36 pitfall-21",
             enforce("sts-none.test", Host(cert=SELF_SIGNED), mode="none", mx=()), Delivered("encrypted")),
    Scenario("The policy of one domain does not touch another on the same host", "STS-01 pitfall-24",
             (Site("sts-leak-a.test", signed=False, hosts=(), mx=((10, "mx.sts-leak-host.test."),),
                   policy=Policy(mx=("mx.elsewhere.test",))),
              Site("sts-leak-b.test", signed=False, hosts=(), mx=((10, "mx.sts-leak-host.test."),)),
              Site("sts-leak-host.test", hosts=(Host(preference=None),))), shared_host),
    Scenario("A session without a policy is never used for a domain with one", "BCP-07 pitfall-68",
             (Site("reuse-a.test", signed=False, hosts=(), mx=((10, "mx.reuse-host.test."),)),
              Site("reuse-b.test", signed=False, hosts=(), mx=((10, "mx.reuse-host.test."),),
                   policy=Policy(mx=("mx.reuse-host.test",))),
              Site("reuse-host.test", hosts=(Host(preference=None, cert=SELF_SIGNED),))), trusted_and_not),
    Scenario("The policy of the parent domain is not looked at", "STS-01 pitfall-4",
             (Site("sts-parent.test", signed=False, hosts=(Host(cert=SELF_SIGNED),),
                   records=("sub.sts-parent.test. IN MX 10 mx.sts-parent.test.",), policy=Policy(), watched=True),),
             no_answer_for_parent),
)
