"""DANE: what must be delivered, and under which name."""

from __future__ import annotations

from ca import EXPIRED, PRIVATE, SELF_SIGNED, Cert, Issuer
from expect import Delivered, equal
from scenario import Scenario
from sites import Fault, Host, Policy, Site
from trial import Trial

EXPIRED_ELSEWHERE = Cert(issuer=Issuer.ITSELF, names=("old-name.invalid",), expired=True)
DELIVERED = Delivered("dane")


async def names_the_target(trial: Trial) -> None:
    await Delivered("dane", host="real", explained_host=trial.site.absolute("mx") + ".")(trial)
    equal("SNI", {visit.sni for visit in trial.host("real").visits if visit.sni}, {trial.site.absolute("real")})


async def signed_provider(trial: Trial) -> None:
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "sent")
    equal("tls= in the log", attempt.tls, "dane-host-only")
    equal("hosts that took it", trial.accepted_by(recipient), ["mx.dane-provider.test"])
    explanation = await trial.explain("--connect")
    equal("explain: security of the MX", explanation["mx"]["security"], "insecure")
    equal("explain: level", explanation["hosts"][0]["level"], "dane-host-only")
    equal("explain: tls", explanation["hosts"][0]["connect"]["tls"], "dane-host-only")


async def never_asked(trial: Trial) -> None:
    await Delivered("encrypted")(trial)
    equal("TLSA queries", trial.world.dns.faulty.asked(f"_25._tcp.mx.{trial.domain}", "TLSA"), 0)


SCENARIOS = (
    Scenario("DANE-EE (3 1 1) is delivered, though the certificate is expired, self-signed and for another name",
             "DANE-31 DANE-39 pitfall-40",
             (Site("dane-ee.test", hosts=(Host(cert=EXPIRED_ELSEWHERE, tlsa=("3 1 1",)),)),), DELIVERED),
    Scenario("DANE-EE over the whole certificate (3 0 1) is delivered", "DANE-36 DANE-39",
             (Site("dane-ee-cert.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 0 1",)),)),), DELIVERED),
    Scenario("DANE-EE with SHA2-512 (3 1 2) is delivered", "DANE-37",
             (Site("dane-ee-512.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 2",)),)),), DELIVERED),
    Scenario("DANE-TA (2 1 1) with a private root is delivered", "DANE-40 pitfall-39",
             (Site("dane-ta.test", hosts=(Host(cert=PRIVATE, tlsa=("2 1 1",)),)),), DELIVERED),
    Scenario("DANE-TA (2 0 1) with a certificate for the recipient's domain alone is delivered", "DANE-44 pitfall-41",
             (Site("dane-ta-domain.test",
                   hosts=(Host(cert=Cert(issuer=Issuer.PRIVATE, names=("dane-ta-domain.test",)), tlsa=("2 0 1",)),)),),
             DELIVERED),
    Scenario("During a key rollover (old and new 3 1 1) either key will do", "DANE-50 pitfall-42",
             (Site("dane-rollover.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1 wrong", "3 1 1")),)),), DELIVERED),
    Scenario("A matching 2 1 1 beside a 3 1 1 that does not match is enough", "DANE-43 pitfall-38",
             (Site("dane-either.test", hosts=(Host(cert=PRIVATE, tlsa=("3 1 1 wrong", "2 1 1")),)),), DELIVERED),
    Scenario("Unusable records (1 1 1, 3 1 1 too short) beside a matching 3 1 1 do no harm", "DANE-36 pitfall-37",
             (Site("dane-mixed.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("1 1 1", "3 1 1 short", "3 1 1")),)),),
             DELIVERED),
    Scenario("Only unusable TLSA records (1 1 1): encrypted, without authentication", "DANE-32 DANE-35 pitfall-37",
             (Site("dane-unusable.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("1 1 1", "0 0 1")),)),),
             Delivered("encrypted", level="encrypt")),
    Scenario("TLSA records behind a CNAME count for the host", "DANE-29",
             (Site("dane-tlsa-alias.test",
                   hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1",), tlsa_alias="shared._dane"),)),), DELIVERED),
    Scenario("An MX host that is a signed alias: TLSA and SNI are those of the target", "DANE-26 DANE-47 pitfall-34",
             (Site("dane-alias.test",
                   hosts=(Host("mx", alias="real"),
                          Host("real", preference=None, cert=SELF_SIGNED, tlsa=("3 1 1",)))),), names_the_target),
    Scenario("A domain without MX is its own DANE host", "DANE-18 pitfall-36",
             (Site("dane-implicit.test", hosts=(Host("@", preference=None, cert=SELF_SIGNED, tlsa=("3 1 1",)),)),),
             Delivered("dane", host="@")),
    Scenario("An unsigned domain at a signed provider with TLSA: DANE for the host only, and called so",
             "DANE-15 DANE-16 pitfall-35",
             (Site("unsigned-customer.test", signed=False, hosts=(), mx=((10, "mx.dane-provider.test."),)),
              Site("dane-provider.test", hosts=(Host(preference=None, cert=SELF_SIGNED, tlsa=("3 1 1",)),))),
             signed_provider),
    Scenario("With DANE satisfied, MTA-STS is not consulted: neither its list nor the public roots",
             "DANE-56 pitfall-28",
             (Site("dane-over-sts.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1",)),),
                   policy=Policy(mx=("elsewhere.test",))),), DELIVERED),
    Scenario("A first host whose key is wrong is passed over for a second that proves itself", "DANE-31 DANE-53",
             (Site("dane-second.test",
                   hosts=(Host("mx1", 10, SELF_SIGNED, ("3 1 1 wrong",)), Host("mx2", 20, SELF_SIGNED, ("3 1 1",)))),),
             Delivered("dane", host="mx2", passed_over=("mx1",))),
    Scenario("A TLSA lookup that fails for one host leaves the other usable", "DANE-08 pitfall-30 pitfall-31",
             (Site("dane-one-fails.test",
                   hosts=(Host("mx1", 10, SELF_SIGNED, ("3 1 1",)), Host("mx2", 20, SELF_SIGNED, ("3 1 1",))),
                   faults={("_25._tcp.mx1", "TLSA"): Fault.SERVFAIL}),),
             Delivered("dane", host="mx2", passed_over=("mx1",))),
    Scenario("A signed address is enough for DANE when the other family's lookup fails", "DANE-22 pitfall-33",
             (Site("dane-no-aaaa.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1",)),),
                   faults={("mx", "AAAA"): Fault.SERVFAIL}),), DELIVERED),
    Scenario("A host in an unsigned zone is never asked for TLSA, so a server that fails on TLSA does not matter",
             "DANE-20 DANE-21 pitfall-32",
             (Site("no-tlsa-question.test", signed=False, faults={("_25._tcp.mx", "TLSA"): Fault.SILENCE}),),
             never_asked),
    Scenario("A signed host without TLSA gets opportunistic TLS", "DANE-33",
             (Site("dane-absent.test", hosts=(Host(cert=EXPIRED),)),), Delivered("encrypted")),
)
