"""REQUIRETLS and TLS-Required: No, RFC 8689: where such messages go, when they come back, what the sender is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ca import SELF_SIGNED, WRONG_NAME
from expect import equal
from notices import Notice
from scenario import Check, Scenario
from sites import Fault, Host, Policy, Site, Smtp, StartTls, always, once
from smtp_host import SmtpHost
from trial import Trial

EE = ("3 1 1",)
WRONG = ("3 1 1 wrong",)
NO = "TLS-Required: No\r\n"
OFFERS = Smtp(requiretls=True)
DOWN = Smtp(greeting=always("421 4.3.2 Not now"))
CLEAR = Smtp(starttls=StartTls.ABSENT)
TTL_SECONDS = 2.1    # of records with a TTL of one second; caches count in whole ones
BODY = "A sentence that nobody else need read.\r\n"


def sender_site(zone: str, smtp: Smtp = OFFERS, **fields: Any) -> Site:
    """Where notices about mail to `zone` arrive: by DANE, and with REQUIRETLS offered."""
    return Site(f"from-{zone}", hosts=(Host(smtp=smtp, **{"tlsa": EE, **fields}),))


def with_sender(*sites: Site, **fields: Any) -> tuple[Site, ...]:
    return (*sites, sender_site(sites[0].zone, **fields))


def at_sender(trial: Trial) -> SmtpHost:
    return trial.world.hosts[f"mx.from-{trial.domain}"]


async def demand(trial: Trial) -> str:
    """One message with REQUIRETLS, from the sender whose site is beside."""
    sender = f"sender@from-{trial.domain}"
    return (await trial.send(sender=sender, requiretls=True, body=BODY))[0]


def recipients_hosts(trial: Trial) -> list[SmtpHost]:
    names = [trial.site.absolute(host.name) for host in trial.site.hosts]
    return [trial.world.hosts[name] for name in names if name in trial.world.hosts]


@dataclass(frozen=True)
class Protected:
    """Arrives with REQUIRETLS, at `host` and nowhere else; the other hosts see no envelope."""

    tls: str
    host: str = "mx"
    deferred: int = 0

    async def __call__(self, trial: Trial) -> None:
        recipient = (await trial.send(requiretls=True))[0]
        await self.check(trial, recipient)

    async def check(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "sent")
        equal("tls= in the log", (attempt.tls, attempt.failed), (self.tls, ""))
        equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute(self.host)])
        (message,) = trial.host(self.host).accepted_for(recipient)
        equal("REQUIRETLS in MAIL", message.parameters.count("REQUIRETLS"), 1)
        equal("came over TLS", message.tls, True)
        attempts = trial.relay.log.attempts(recipient)
        equal("attempts deferred before", len([one for one in attempts if one.status == "deferred"]), self.deferred)
        for other in recipients_hosts(trial):
            assert other is trial.host(self.host) or not other.saw_mail(), f"{other.name} saw an envelope"


@dataclass(frozen=True)
class Returned:
    """Comes back at the first attempt, by one notice that goes out as protected as the message was to be."""

    dsn: str
    reason: str
    contacted: bool = True

    async def __call__(self, trial: Trial) -> None:
        recipient = await demand(trial)
        notice = await self.check(trial, recipient)
        await self.protected(trial, notice)

    async def check(self, trial: Trial, recipient: str) -> Notice:
        attempt = await trial.attempt(recipient, "bounced")
        equal("dsn= in the log", attempt.dsn, self.dsn)
        equal("failed= in the log", attempt.failed, f"failed={self.reason}")
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
        notice = await trial.notice(recipient, "failed", at=at_sender(trial))
        equal("Status in the notice", notice.status, self.dsn)
        equal("Remote-MTA in the notice", notice.remote_mta, None)
        assert self.reason in (notice.diagnostic or ""), f"Diagnostic-Code: {notice.diagnostic}"
        for host in recipients_hosts(trial):
            assert not host.saw_mail(), f"{host.name} saw an envelope"
            equal(f"was {host.name} connected to", bool(host.visits), self.contacted)
        return notice

    @staticmethod
    async def protected(trial: Trial, notice: Notice) -> None:
        about = [message for message in at_sender(trial).received if message.content == notice.raw]
        equal("notices", len(about), 1)
        equal("REQUIRETLS in MAIL of the notice", about[0].parameters.count("REQUIRETLS"), 1)
        equal("the notice came over TLS", about[0].tls, True)
        assert BODY.strip() not in notice.raw.decode(), "the notice holds the text of the message"


@dataclass(frozen=True)
class Waits:
    """Is tried again, and shown to nobody."""

    dsn: str
    reason: str

    async def __call__(self, trial: Trial) -> None:
        recipient = (await trial.send(requiretls=True))[0]
        await self.check(trial, recipient)

    async def after_others(self, trial: Trial) -> None:
        """Where other messages were delivered before."""
        recipient = (await trial.send(requiretls=True))[0]
        await self._held(trial, recipient)

    async def _held(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "deferred", count=2)
        equal("dsn= in the log", attempt.dsn, self.dsn)
        equal("class in queue list", (await trial.queued_reason(recipient)).get("class"), self.reason)
        equal("hosts that took it", trial.accepted_by(recipient), [])

    async def check(self, trial: Trial, recipient: str) -> None:
        await self._held(trial, recipient)
        for host in recipients_hosts(trial):
            assert not host.saw_mail(), f"{host.name} saw an envelope"


@dataclass(frozen=True)
class Anyhow:
    """With TLS-Required: No: arrives at the first attempt, and the log says what it fell short of."""

    tls: str
    failed: str = "downgraded"

    async def __call__(self, trial: Trial) -> None:
        recipient = (await trial.send(header=NO))[0]
        await self.check(trial, recipient)

    async def check(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "sent")
        equal("tls= in the log", (attempt.tls, attempt.failed), (self.tls, self.failed))
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
        equal("hosts that took it", trial.accepted_by(recipient), [trial.site.absolute("mx")])
        (message,) = trial.host().accepted_for(recipient)
        equal("came over TLS", message.tls, self.tls != "none")
        assert NO.encode() in message.content, "the header field is gone"


async def not_now_then_taken(trial: Trial) -> None:
    await Protected("dane", deferred=1)(trial)


async def while_the_policy_cannot_be_fetched(trial: Trial) -> None:
    """The message that meets the failing fetch, its retry, and the next message: none finds that there is no policy."""
    first = (await trial.send(requiretls=True))[0]
    await trial.first_attempt(first)
    equal("fetches of the policy in the first attempt", len(trial.policy_host().requests), 1)
    second = (await trial.send(requiretls=True))[0]
    for recipient in (first, second):
        await Waits("4.7.5", "sts-unknown").check(trial, recipient)
        equal("failed= in the log", {one.failed for one in trial.relay.log.attempts(recipient)}, {"failed=sts-unknown"})
    assert (await trial.explain())["mta_sts"]["trouble"] is not None, "explain: mta_sts has no trouble"


async def _new_id_without_a_file(trial: Trial) -> None:
    """A policy is known; then there is a new id, and what the policy host has is no policy."""
    await trial.attempt(await trial.send_one(), "sent")
    trial.policy_host().text = "We are moving.\r\n"
    trial.world.dns.faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=new;"')


async def moved_and_not_told_where(trial: Trial) -> None:
    """The known policy does not list the new host, and the new policy cannot be had: it may well list it."""
    await _new_id_without_a_file(trial)
    trial.world.dns.faulty.answer(trial.domain, "MX", f"10 new.{trial.domain}.")
    await trial.pulse.let_pass(TTL_SECONDS)
    await Waits("4.7.5", "sts-unknown").after_others(trial)


async def testing_until_now(trial: Trial) -> None:
    """The known policy says "testing", and the new one cannot be had: it may well say "enforce"."""
    await _new_id_without_a_file(trial)
    await trial.pulse.let_pass(TTL_SECONDS)
    await Waits("4.7.5", "sts-unknown").after_others(trial)


async def enforce_by_now(trial: Trial) -> None:
    """The known policy says "testing", the published one "enforce" under the same id: one look, and it goes."""
    await trial.attempt(await trial.send_one(), "sent")
    policy_host = trial.policy_host()
    policy_host.text = policy_host.text.replace("testing", "enforce")
    before = len(policy_host.requests)
    recipient = (await trial.send(requiretls=True))[0]
    await Protected("sts").check(trial, recipient)
    equal("fetches of the policy for it", len(policy_host.requests) - before, 1)


async def certificate_and_policy_host_gone(trial: Trial) -> None:
    """The host no longer satisfies the known policy, and whether it is still that policy cannot be found out."""
    await Protected("sts")(trial)
    trial.world.renew(f"mx.{trial.domain}", SELF_SIGNED)
    await trial.policy_host().stop()
    await Waits("4.7.5", "sts-unknown").after_others(trial)


async def told_without_the_content(trial: Trial) -> None:
    """return_content = "full", and still its header fields only; an ordinary message comes back whole."""
    notice = await Returned("5.7.30", "requiretls-unsupported").check(trial, await demand(trial))
    await Returned.protected(trial, notice)
    types = [part.get_content_type() for part in notice.message.iter_parts()]
    equal("parts of the notice", types[2], "text/rfc822-headers")
    ordinary = (await trial.send(trial.address("refused"), body=BODY))[0]
    await trial.attempt(ordinary, "bounced")
    whole = await trial.notice(ordinary, "failed")
    assert BODY.strip() in whole.raw.decode(), "an ordinary message does not come back whole"


async def told_where_requiretls_is_missing(trial: Trial) -> None:
    """The sender's host is proven by DANE and does not know REQUIRETLS: the notice is not thrown away for that."""
    recipient = await demand(trial)
    notice = await Returned("5.7.30", "requiretls-unsupported").check(trial, recipient)
    (message,) = [one for one in at_sender(trial).received if one.content == notice.raw]
    equal("parameters of MAIL", "REQUIRETLS" in message.parameters, False)
    equal("came over TLS", message.tls, True)


async def not_told_in_clear(trial: Trial) -> None:
    """The sender's host is not proven at all: the notice holds addresses that were to be protected, and ends here."""
    recipient = await demand(trial)
    bounced = await trial.attempt(recipient, "bounced")
    sender = f"sender@from-{trial.domain}"
    end = await trial.attempt(sender, "bounced")
    equal("failed= of the notice", end.failed, "failed=requiretls-unmet")
    assert not at_sender(trial).saw_mail(), "the sender's host saw the notice"
    equal("notices about the notice", trial.relay.log.notices(end.id), [])
    equal("notices about the message", len(trial.relay.log.notices(bounced.id)), 1)


async def requiretls_wins(trial: Trial) -> None:
    """Both: what the header field would waive is demanded."""
    sender = f"sender@from-{trial.domain}"
    recipient = (await trial.send(sender=sender, requiretls=True, header=NO, body=BODY))[0]
    notice = await Returned("5.7.10", "requiretls-unmet").check(trial, recipient)
    await Returned.protected(trial, notice)


async def all_copies(trial: Trial) -> None:
    """Two recipients in two domains: each copy carries the demand."""
    first, second = trial.address(), trial.address(domain=trial.sites[1].zone)
    await trial.send(first, second, requiretls=True)
    for recipient, name in ((first, f"mx.{trial.domain}"), (second, f"mx.{trial.sites[1].zone}")):
        await trial.attempt(recipient, "sent")
        equal("hosts that took it", trial.accepted_by(recipient), [name])
        (message,) = trial.world.hosts[name].accepted_for(recipient)
        assert "REQUIRETLS" in message.parameters, f"{name} was not told"


async def held_over_a_restart(trial: Trial) -> None:
    """The host is down; kill -9; it comes back without what REQUIRETLS asks for, and with a wrong certificate."""
    demanding = await demand(trial)
    tolerant = (await trial.send(header=NO))[0]
    ordinary = (await trial.send())[0]
    for recipient in (demanding, tolerant, ordinary):
        await trial.attempt(recipient, "deferred")
    await trial.relay.kill()
    trial.host().behave(Smtp())
    await trial.relay.start()
    await trial.retry_now()
    bounced = await trial.attempt(demanding, "bounced")
    equal("failed= with REQUIRETLS", bounced.failed, "failed=requiretls-unmet")
    sent = await trial.attempt(tolerant, "sent")
    equal("tls= with TLS-Required: No", (sent.tls, sent.failed), ("encrypted", "downgraded"))
    waiting = await trial.attempt(ordinary, "deferred", count=2)
    equal("failed= of an ordinary message", waiting.failed, "failed=dane-mismatch")
    equal("hosts that took the demanding one", trial.accepted_by(demanding), [])


async def not_honoured(trial: Trial) -> None:
    recipient = (await trial.send(header=NO))[0]
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=dane-mismatch")
    assert not trial.host().saw_mail(), "the host saw an envelope"


async def they_demand_tls(trial: Trial) -> None:
    """RFC 8689 §4.2.2: a server that itself insists on TLS which cannot be had has the last word."""
    recipient = (await trial.send(header=NO))[0]
    attempt = await trial.attempt(recipient, "bounced")
    equal("dsn= in the log", attempt.dsn, "5.7.0")
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.7.0")
    assert notice.remote_mta is not None, "their word has no Remote-MTA"
    assert "530 5.7.0 Must issue a STARTTLS command first" in (notice.diagnostic or ""), notice.diagnostic
    equal("hosts that took it", trial.accepted_by(recipient), [])


async def notice_says_so_too(trial: Trial) -> None:
    """The notice carries the field, and so reaches a sender whose own host fails DANE."""
    sender = f"sender@from-{trial.domain}"
    recipient = (await trial.send(sender=sender, header=NO))[0]
    await trial.attempt(recipient, "bounced")
    notice = await trial.notice(recipient, "failed", at=at_sender(trial))
    equal("TLS-Required in the notice", notice.message.get_all("TLS-Required"), ["No"])
    label = await trial.attempt(sender, "sent")
    equal("tls= of the notice", (label.tls, label.failed), ("encrypted", "downgraded"))


async def notice_without_the_wish(trial: Trial) -> None:
    """The counterpart: the notice about an ordinary message has no such field and waits for DANE."""
    sender = f"sender@from-{trial.domain}"
    recipient = (await trial.send(sender=sender))[0]
    await trial.attempt(recipient, "bounced")
    equal("failed= of the notice", (await trial.attempt(sender, "deferred")).failed, "failed=dane-mismatch")
    assert not at_sender(trial).saw_mail(), "the sender's host saw the notice"


UNSUPPORTED = Returned("5.7.30", "requiretls-unsupported")
UNMET = Returned("5.7.10", "requiretls-unmet")


def returned(title: str, shows: str, site: Site, outcome: Check) -> Scenario:
    return Scenario(title, shows, with_sender(site), outcome)


def no(title: str, shows: str, site: Site, outcome: Check) -> Scenario:
    return Scenario(title, shows, (site,), outcome)


PROVEN = (
    Scenario("REQUIRETLS: by DANE, to a host that offers it, with the parameter repeated", "REQ-01 REQ-04 REQ-07",
             (Site("req-dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE, smtp=OFFERS),)),), Protected("dane")),
    Scenario("REQUIRETLS: by an enforced policy, behind an unsigned MX record", "REQ-04",
             (Site("req-sts.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy()),), Protected("sts")),
    Scenario("REQUIRETLS: by a signed MX record and a certificate that verifies", "REQ-04",
             (Site("req-signed.test", hosts=(Host(smtp=OFFERS),)),), Protected("secure")),
    Scenario("REQUIRETLS: unusable TLSA records, and a certificate that verifies", "REQ-07",
             (Site("req-unusable.test", hosts=(Host(tlsa=("1 1 1",), smtp=OFFERS),)),), Protected("secure")),
    Scenario("REQUIRETLS: a first host that does not offer it is passed over for a second that does",
             "REQ-04 REQ-05", (Site("req-second.test", hosts=(Host("mx1", 10, tlsa=EE),
                                                              Host("mx2", 20, tlsa=EE, smtp=OFFERS))),),
             Protected("dane", host="mx2")),
    Scenario("REQUIRETLS: a first host that fails DANE is passed over for a second that does not", "REQ-05",
             (Site("req-second-dane.test", hosts=(Host("mx1", 10, tlsa=WRONG, smtp=OFFERS),
                                                  Host("mx2", 20, tlsa=EE, smtp=OFFERS))),),
             Protected("dane", host="mx2")),
    Scenario("REQUIRETLS goes with every copy of a message", "REQ-02",
             (Site("req-copy-a.test", hosts=(Host(tlsa=EE, smtp=OFFERS),)),
              Site("req-copy-b.test", hosts=(Host(tlsa=EE, smtp=OFFERS),))), all_copies),
)

COMES_BACK = (
    returned("REQUIRETLS: the host does not offer it: one notice at once, 5.7.30", "REQ-05 REQ-06 REQ-10",
             Site("req-none.test", hosts=(Host(tlsa=EE),)), UNSUPPORTED),
    returned("REQUIRETLS: offered in clear only, which does not count", "REQ-01 REQ-04 REQ-06",
             Site("req-in-clear.test", hosts=(Host(tlsa=EE, smtp=Smtp(clear_extensions=("REQUIRETLS",))),)),
             UNSUPPORTED),
    returned("REQUIRETLS: an unsigned MX record and no policy: back at once, 5.7.10", "REQ-04 REQ-06",
             Site("req-unsigned.test", signed=False, hosts=(Host(smtp=OFFERS),)),
             Returned("5.7.10", "requiretls-unmet", contacted=False)),
    returned("REQUIRETLS: a policy in testing mode behind an unsigned MX record: back at once", "REQ-06 REQ-07",
             Site("req-testing.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy(mode="testing")),
             Returned("5.7.10", "requiretls-unmet", contacted=False)),
    returned("REQUIRETLS: an enforced policy that does not list the host: back at once", "REQ-05 REQ-06",
             Site("req-unlisted.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy(mx=("mx.else.test",))),
             Returned("5.7.10", "requiretls-unmet", contacted=False)),
    returned("REQUIRETLS: a key that no TLSA record names: back at once, 5.7.10", "REQ-05 REQ-06 REQ-10",
             Site("req-mismatch.test", hosts=(Host(tlsa=WRONG, smtp=OFFERS),)), UNMET),
    returned("REQUIRETLS: a certificate for another name: back at once", "REQ-04 REQ-06",
             Site("req-wrong-name.test", hosts=(Host(cert=WRONG_NAME, smtp=OFFERS),)), UNMET),
    returned("REQUIRETLS: a self-signed certificate under an enforced policy: back at once", "REQ-04 REQ-06",
             Site("req-self-signed.test", signed=False, hosts=(Host(cert=SELF_SIGNED, smtp=OFFERS),),
                  policy=Policy()), UNMET),
    returned("REQUIRETLS: no STARTTLS: back at once, 5.7.10", "REQ-04 REQ-06",
             Site("req-clear.test", hosts=(Host(tlsa=EE, smtp=CLEAR),)), UNMET),
    Scenario("REQUIRETLS and TLS-Required: No: REQUIRETLS counts", "REQ-03",
             with_sender(Site("req-both.test", hosts=(Host(tlsa=WRONG, smtp=OFFERS),))), requiretls_wins),
)

WAITS = (
    Scenario("REQUIRETLS: the host is down: waits", "REQ-05",
             (Site("req-down.test", hosts=(Host(tlsa=EE, listening=False),)),), Waits("4.4.1", "connect-failed")),
    Scenario("REQUIRETLS: the TLSA lookup fails: waits", "REQ-05 DANE-07",
             (Site("req-lookup.test", hosts=(Host(tlsa=EE, smtp=OFFERS),),
                   faults={("_25._tcp.mx", "TLSA"): Fault.SERVFAIL}),), Waits("4.7.5", "dane-lookup")),
    Scenario("REQUIRETLS: the connection ends in the handshake: waits", "REQ-05 pitfall-60",
             (Site("req-broken.test", hosts=(Host(smtp=Smtp(starttls=StartTls.CLOSE, requiretls=True)),)),),
             Waits("4.7.5", "tls-handshake")),
    Scenario("REQUIRETLS: 454 to STARTTLS: waits", "REQ-05",
             (Site("req-454.test", hosts=(Host(tlsa=EE, smtp=Smtp(starttls=StartTls.REFUSED_454, requiretls=True)),)),),
             Waits("4.7.5", "tls-handshake")),
    Scenario("REQUIRETLS: 451 to MAIL: waits, and goes next time", "REQ-05",
             (Site("req-451.test", hosts=(Host(tlsa=EE, smtp=Smtp(requiretls=True, mail=once("451 4.3.0 Not now"))),)),
              ), not_now_then_taken),
    Scenario("REQUIRETLS: one host without it, the other down: waits for the other", "REQ-05",
             (Site("req-one-down.test", hosts=(Host("mx1", 10, tlsa=EE), Host("mx2", 20, tlsa=EE, smtp=DOWN))),),
             Waits("4.3.2", "remote-temporary")),
    Scenario("REQUIRETLS: while the policy cannot be fetched, every message and every retry waits",
             "REQ-05 STS-18 pitfall-12",
             (Site("req-unfetched.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy(status=404)),),
             while_the_policy_cannot_be_fetched),
    Scenario("REQUIRETLS: a host that the known policy does not list, and a new policy that cannot be had: waits",
             "REQ-05 STS-26 STS-34 pitfall-18",
             (Site("req-moved.test", signed=False, watched=True, ttl=1,
                   hosts=(Host("old", smtp=OFFERS), Host("new", preference=None, smtp=OFFERS)), policy=Policy()),),
             moved_and_not_told_where),
    Scenario("REQUIRETLS: a certificate that fails the known policy, and a policy host that is down: waits",
             "REQ-05 STS-34 pitfall-25",
             (Site("req-no-second-look.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy()),),
             certificate_and_policy_host_gone),
    Scenario("REQUIRETLS: testing until now, and a new policy that cannot be had: waits", "REQ-05 STS-26 STS-35",
             (Site("req-testing-until-now.test", signed=False, watched=True, ttl=1, hosts=(Host(smtp=OFFERS),),
                   policy=Policy(mode="testing")),), testing_until_now),
    Scenario("REQUIRETLS: testing became enforce under the same id: goes after one look at the policy",
             "REQ-04 STS-34 pitfall-19",
             (Site("req-enforce-by-now.test", signed=False, hosts=(Host(smtp=OFFERS),), policy=Policy(mode="testing")),
              ), enforce_by_now),
)

NOTICES = (
    Scenario("A notice about a REQUIRETLS message holds no content, whatever return_content says", "REQ-10",
             with_sender(Site("req-headers.test", hosts=(
                 Host(tlsa=EE, smtp=Smtp(rcpt_for={"refused": always("550 5.1.1 No")})),))),
             told_without_the_content, settings={"notify": {"return_content": "full"}}),
    Scenario("A notice about a REQUIRETLS message goes to a proven host that does not offer REQUIRETLS", "REQ-11",
             with_sender(Site("req-plain-sender.test", hosts=(Host(tlsa=EE),)), smtp=Smtp()),
             told_where_requiretls_is_missing),
    Scenario("A notice about a REQUIRETLS message never goes to a host that is not proven", "REQ-10 REQ-11",
             with_sender(Site("req-lost.test", hosts=(Host(tlsa=EE),)), tlsa=WRONG), not_told_in_clear),
    Scenario("A notice about a message with TLS-Required: No says so too, and gets through by it", "REQ-12 REQ-08",
             with_sender(Site("no-notice.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)), tlsa=WRONG),
             notice_says_so_too),
    Scenario("A notice about a message without TLS-Required: No waits for DANE at its sender's host", "REQ-12",
             with_sender(Site("plain-notice.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)), tlsa=WRONG),
             notice_without_the_wish),
)

TOLERANT = (
    no("TLS-Required: No: a self-signed certificate under enforce", "REQ-08",
       Site("no-certificate.test", signed=False, hosts=(Host(cert=SELF_SIGNED),), policy=Policy()),
       Anyhow("encrypted")),
    no("TLS-Required: No: an enforced policy that does not list the host", "REQ-08",
       Site("no-unlisted.test", signed=False, policy=Policy(mx=("mx.else.test",))), Anyhow("encrypted")),
    no("TLS-Required: No: a key that no TLSA record names", "REQ-08",
       Site("no-mismatch.test", hosts=(Host(tlsa=WRONG),)), Anyhow("encrypted")),
    no("TLS-Required: No: a TLSA lookup that fails", "REQ-08",
       Site("no-lookup.test", hosts=(Host(tlsa=EE),), faults={("_25._tcp.mx", "TLSA"): Fault.SERVFAIL}),
       Anyhow("encrypted")),
    no("TLS-Required: No: no STARTTLS under enforce: in clear", "REQ-08",
       Site("no-starttls.test", signed=False, hosts=(Host(smtp=CLEAR),), policy=Policy()), Anyhow("none")),
    no("TLS-Required: No: a broken handshake at a DANE host: in clear", "REQ-08",
       Site("no-handshake.test", hosts=(Host(tlsa=EE, smtp=Smtp(starttls=StartTls.CLOSE)),)), Anyhow("none")),
    no("TLS-Required: No: where DANE holds, it is used", "REQ-08",
       Site("no-need.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE),)), Anyhow("dane", failed="")),
    no("TLS-Required: No: a server that itself demands TLS, and has none: back with its word", "REQ-09",
       Site("no-530.test", signed=False, hosts=(Host(smtp=Smtp(starttls=StartTls.ABSENT, mail=always(
           "530 5.7.0 Must issue a STARTTLS command first"))),), policy=Policy()), they_demand_tls),
    Scenario("honor_tls_required_no = false: the header field lifts nothing", "REQ-08",
             (Site("no-honour.test", hosts=(Host(tlsa=WRONG),)),), not_honoured,
             settings={"requiretls": {"honor_tls_required_no": False}}),
    Scenario("After kill -9 REQUIRETLS is still demanded, and TLS-Required: No still lifts", "REQ-02 REQ-08",
             with_sender(Site("req-restart.test", hosts=(Host(tlsa=WRONG, smtp=DOWN),))), held_over_a_restart,
             settings={}),
)

SCENARIOS = (*PROVEN, *COMES_BACK, *WAITS, *NOTICES, *TOLERANT)
