"""A relay in the place of a domain's own hosts: where it is found, what it must prove, and who gets the password."""

from __future__ import annotations

import base64
from typing import Any, Union

from ca import SELF_SIGNED, WRONG_NAME, Cert
from expect import Deferred, Delivered, UnderRule, equal
from scenario import Check, Scenario
from sites import Host, Login, Site, Smtp, StartTls
from trial import Trial

EE = ("3 1 1",)
NO = "TLS-Required: No\r\n"
USER, PASSWORD = "fulmar@partner.test", "correct horse: battery"
LOGIN = Login(USER, PASSWORD)
SUBMISSION = Smtp(port=587, login=LOGIN)
OTHER_RECORD = f"3 1 1 {'00' * 32}"
LOOPBACK = "127.0.0.77"
# Delays of any kind are told of at once, and everything is logged: a password would show.
TALKATIVE = {"notify": {"delay_after": "1s", "security_delay_after": "1s"}, "log": {"level": "debug"}}


def at_relay(zone: str, **fields: Any) -> tuple[Site, ...]:
    """A domain with a host of its own, and the relay beside it, on another port."""
    return (Site(zone, hosts=(Host("mx"), Host("relay", preference=None, **{"smtp": Smtp(port=587), **fields}))),)


def entry(zone: str, **fields: Any) -> dict[str, Any]:
    return {"domain": zone, "relay": f"[relay.{zone}]:587", **fields}


def never_at_mx(check: Check) -> Check:
    async def checked(trial: Trial) -> None:
        await check(trial)
        equal("connections to the domain's own host", len(trial.host("mx").visits), 0)
    return checked


def relayed(title: str, shows: str, sites: tuple[Site, ...], outcome: Union[Bounced, Deferred, Delivered],
            **fields: Any) -> Scenario:
    rule = entry(sites[0].zone, **fields)
    return Scenario(title, shows, sites, never_at_mx(UnderRule(rule, outcome)), rules=(rule,))


def logged_in(outcome: Delivered, rule: dict[str, Any]) -> Check:
    async def check(trial: Trial) -> None:
        await UnderRule(rule, outcome)(trial)
        equal("who handed it in", {message.user for message in trial.host(outcome.host).received}, {USER})
        equal("logins in clear", [line for visit in trial.host(outcome.host).visits for tls, line in visit.lines
                                  if line.upper().startswith("AUTH") and not tls], [])
    return check


def login(title: str, shows: str, sites: tuple[Site, ...], outcome: Delivered, **fields: Any) -> Scenario:
    rule = entry(sites[0].zone, login=f"{USER}:{PASSWORD}", **fields)
    return Scenario(title, shows, sites, never_at_mx(logged_in(outcome, rule)), rules=(rule,))


def no_login(title: str, shows: str, sites: tuple[Site, ...], outcome: Deferred, **fields: Any) -> Scenario:
    """The relay never hears AUTH; a message that waives TLS changes nothing."""
    rule = entry(sites[0].zone, login=f"{USER}:{PASSWORD}", **fields)

    async def check(trial: Trial) -> None:
        await UnderRule(rule, outcome)(trial)
        waiving = (await trial.send(header=NO))[0]
        equal("failed= with TLS-Required: No", (await trial.attempt(waiving, "deferred")).failed,
              f"failed={outcome.reason}")
        assert trial.host("relay").visits, "the relay saw no connection"
        assert not any(visit.said("AUTH") for visit in trial.host("relay").visits), "the relay heard AUTH"

    return Scenario(title, shows, sites, never_at_mx(check), rules=(rule,))


LITERAL = {"domain": "literal-relay.test", "relay": "[<address of relay.literal-relay.test>]:587"}
LITERAL_LOGIN = {"domain": "literal-login.test", "relay": "[<address of relay.literal-login.test>]:587",
                 "login": f"{USER}:{PASSWORD}"}
BY_MX = {"domain": "by-mx.test", "relay": "provider-by-mx.test"}
BY_MX_PORT = {"domain": "by-mx-port.test", "relay": "provider-port.test:587"}
INSIDE = {"domain": "inside-relay.test", "relay": f"[{LOOPBACK}]:25"}
OURSELVES = {"domain": "relay-ourselves.test", "relay": "[relay.origin.test]:25"}
GONE = {"domain": "gone-relay.test", "relay": "[gone.gone-relay.test]:587"}
GONE_MX = {"domain": "gone-relay-mx.test", "relay": "gone-relay-domain.test"}


async def waits_for_the_relay(trial: Trial) -> None:
    """A slip in our own configuration sends no mail back, and the words do not blame the recipient's domain."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("dsn= in the log", attempt.dsn, "4.4.3")


IMPLICIT = {"domain": "implicit-relay.test", "relay": "[relay.implicit-relay.test]:465"}
IMPLICIT_LOGIN = {"domain": "implicit-login.test", "relay": "[relay.implicit-login.test]:465",
                  "login": f"{USER}:{PASSWORD}"}
REFUSED = entry("refused-login.test", login=f"{USER}:{PASSWORD} wrong")


async def literal(trial: Trial) -> None:
    """No name: nothing is looked up, nothing is named in the handshake, no policy applies."""
    await UnderRule(LITERAL, Delivered("encrypted", host="relay", explained=False))(trial)
    equal("SNI", {visit.sni for visit in trial.host("relay").visits}, {None})
    equal("hosts in explain", [host["host"] for host in (await trial.explain())["hosts"]], [""])


async def literal_login(trial: Trial) -> None:
    recipient = await trial.send_one()
    equal("failed=", (await trial.attempt(recipient, "deferred")).failed, "failed=rule-certificate")
    equal("connections to the relay", len(trial.host("relay").visits), 0)


async def inside(trial: Trial) -> None:
    """The address guard is against what strangers publish."""
    host = trial.world.extra_host("inside.test", LOOPBACK)
    await host.start()
    try:
        recipient = await trial.send_one()
        await trial.attempt(recipient, "sent")
        equal("copies at the relay", len(host.accepted_for(recipient)), 1)
    finally:
        await host.stop()


async def from_the_first_octet(trial: Trial) -> None:
    await UnderRule(IMPLICIT, Delivered("encrypted", host="relay"))(trial)
    equal("lines in clear", [line for visit in trial.host("relay").visits for tls, line in visit.lines if not tls], [])


def _forms(password: str) -> list[str]:
    """How it might show: as it is, and as AUTH PLAIN and AUTH LOGIN say it."""
    plain = f"\0{USER}\0{password}".encode()
    return [password, base64.b64encode(password.encode()).decode(), base64.b64encode(plain).decode()]


async def refused_login(trial: Trial) -> None:
    """Waits; the password is nowhere: not in the log, the notice, the queue or explain."""
    recipient = await trial.send_one()
    attempt = await trial.attempt(recipient, "deferred")
    equal("dsn= in the log", attempt.dsn, "4.7.8")
    equal("class in queue list", (await trial.queued_reason(recipient)).get("class"), "relay-auth")
    assert any(visit.said("AUTH PLAIN") for visit in trial.host("relay").visits), "nobody tried to log in"
    assert not trial.host("relay").saw_mail(), "the relay saw an envelope"
    notice = await trial.notice(recipient, "delayed")
    equal("Status in the delay notice", notice.status, "4.7.8")
    listed = (await trial.relay.run("queue", "list", "--json", "--recipient", recipient)).json
    shown = await trial.relay.run("queue", "show", "--json", listed[0]["id"])
    said = await trial.relay.run("queue", "show", listed[0]["id"])
    explained = await trial.relay.run("explain", "--json", "--connect", trial.domain)
    effective = await trial.relay.run("config", "--json")
    await trial.attempt(recipient, "deferred", count=2)
    seen = {"the log": "\n".join(trial.relay.log.lines), "the notice": notice.raw.decode(), "queue list": str(listed),
            "queue show": said.output, "queue show --json": shown.output, "explain": explained.output,
            "config": effective.output}
    for where, text in seen.items():
        assert text, f"{where} is empty"
        for form in _forms(f"{PASSWORD} wrong"):
            assert form not in text, f"the password is in {where}"


WHERE = (
    relayed("relay = [host]:port: that host gets it, the domain's own hosts see nothing", "design-2 SMTP-12",
            at_relay("relayed.test"), Delivered("encrypted", host="relay")),
    Scenario("relay = host: its MX records are looked up", "design-2",
             (Site(BY_MX["domain"]),
              Site(BY_MX["relay"], hosts=(Host("mx1", 10), Host("mx2", 20), Host("@", preference=None)))),
             never_at_mx(UnderRule(BY_MX, Delivered("encrypted", host="mx1.provider-by-mx.test."))), rules=(BY_MX,)),
    Scenario("relay = host:port: the MX hosts of that name, at that port", "design-2",
             (Site(BY_MX_PORT["domain"]), Site("provider-port.test", hosts=(Host("mx1", smtp=Smtp(port=587)),))),
             never_at_mx(UnderRule(BY_MX_PORT, Delivered("encrypted", host="mx1.provider-port.test."))),
             rules=(BY_MX_PORT,)),
    Scenario("relay = [address]: no name, so nothing is proven and nothing is owed", "design-2 pitfall-57",
             at_relay(LITERAL["domain"]), never_at_mx(literal), rules=(LITERAL,)),
    Scenario("A relay at a loopback address is used: our operator named it", "pitfall-52",
             (Site(INSIDE["domain"]),), inside, rules=(INSIDE,),
             not_compared="the relay is there during the check only"),
    Scenario("A relay that is we ourselves: mail waits", "SMTP-12 pitfall-52",
             (Site(OURSELVES["domain"]),), waits_for_the_relay, rules=(OURSELVES,)),
    Scenario("A relay whose name does not exist: mail waits", "pitfall-57",
             (Site(GONE["domain"]),), waits_for_the_relay, rules=(GONE,)),
    Scenario("A relay whose MX records do not exist: mail waits", "pitfall-57",
             (Site(GONE_MX["domain"]),), waits_for_the_relay, rules=(GONE_MX,)),
    Scenario("A relay at port 465 speaks TLS from the first octet", "AUT-04",
             at_relay(IMPLICIT["domain"], smtp=Smtp(port=465, implicit_tls=True)), never_at_mx(from_the_first_octet),
             rules=(IMPLICIT,)),
)

PROOF = (
    relayed("The TLSA records of the relay's own port count, those of port 25 do not", "DANE-19",
            (Site("relay-dane.test", hosts=(Host("mx"), Host("relay", None, SELF_SIGNED, EE, Smtp(port=587))),
                  records=(f"_25._tcp.relay.relay-dane.test. IN TLSA {OTHER_RECORD}",)),),
            Delivered("dane", host="relay")),
    relayed("A relay whose key is in no TLSA record of its port gets nothing", "DANE-19 DANE-31",
            at_relay("relay-mismatch.test", tlsa=("3 1 1 wrong",)),
            Deferred("dane-mismatch", "4.7.5", host="relay", level="dane")),
    relayed("tls = secure: a relay is known by its own name", "NAM-01 AUT-04", at_relay("relay-secure.test"),
            Delivered("secure", host="relay"), tls="secure"),
    relayed("tls = secure: a relay with a certificate for another name gets nothing", "NAM-01 AUT-04",
            at_relay("relay-wrong.test", cert=WRONG_NAME),
            Deferred("rule-certificate", "4.7.5", host="relay", level="secure"), tls="secure"),
    relayed("tls = secure: the recipient's domain in the relay's certificate proves nothing", "NAM-01 NAM-03 AUT-04",
            at_relay("relay-domain.test", cert=Cert(names=("relay-domain.test", "mx.relay-domain.test"))),
            Deferred("rule-certificate", "4.7.5", host="relay", level="secure"), tls="secure"),
)

PASSWORDS = (
    login("AUTH PLAIN at a relay whose certificate proves its name", "AUT-04",
          at_relay("login-plain.test", smtp=SUBMISSION), Delivered("secure", host="relay")),
    login("AUTH LOGIN where PLAIN is not offered", "AUT-04",
          at_relay("login-login.test", smtp=Smtp(port=587, login=Login(USER, PASSWORD, ("LOGIN",)))),
          Delivered("secure", host="relay")),
    login("A password goes to a relay that DANE proves, at the relay's own port", "AUT-04 DANE-19",
          at_relay("login-dane.test", cert=SELF_SIGNED, tlsa=EE, smtp=SUBMISSION), Delivered("dane", host="relay")),
    login("tls = encrypt sends the password to whoever answers, under TLS", "AUT-04",
          at_relay("login-encrypt.test", cert=SELF_SIGNED, smtp=SUBMISSION),
          Delivered("encrypted", host="relay", level="encrypt"), tls="encrypt"),
    Scenario("A password under TLS from the first octet", "AUT-04",
             at_relay(IMPLICIT_LOGIN["domain"], smtp=Smtp(port=465, implicit_tls=True, login=LOGIN)),
             never_at_mx(logged_in(Delivered("secure", host="relay"), IMPLICIT_LOGIN)), rules=(IMPLICIT_LOGIN,)),
    no_login("A relay without STARTTLS never hears the password", "AUT-04 pitfall-25",
             at_relay("login-clear.test", smtp=Smtp(port=587, starttls=StartTls.ABSENT,
                                                    clear_extensions=("AUTH PLAIN LOGIN",))),
             Deferred("rule-no-tls", "4.7.4", host="relay", level="secure")),
    no_login("A relay with a self-signed certificate never hears the password", "AUT-04",
             at_relay("login-self.test", cert=SELF_SIGNED, smtp=SUBMISSION),
             Deferred("rule-certificate", "4.7.5", host="relay", level="secure")),
    no_login("A relay with a certificate for another name never hears the password", "AUT-04 NAM-01",
             at_relay("login-wrong.test", cert=WRONG_NAME, smtp=SUBMISSION),
             Deferred("rule-certificate", "4.7.5", host="relay", level="secure")),
    no_login("A relay that fails DANE at its port never hears the password", "AUT-04 DANE-31",
             at_relay("login-mismatch.test", tlsa=("3 1 1 wrong",), smtp=SUBMISSION),
             Deferred("dane-mismatch", "4.7.5", host="relay", level="dane")),
    Scenario("A relay without a name cannot prove one: the password stays here", "AUT-04",
             at_relay(LITERAL_LOGIN["domain"], smtp=SUBMISSION), never_at_mx(literal_login), rules=(LITERAL_LOGIN,)),
    Scenario("A login that is refused: waits, and the password is in no log, notice or answer", "AUT-04",
             at_relay(REFUSED["domain"], smtp=SUBMISSION), never_at_mx(refused_login), settings=TALKATIVE,
             rules=(REFUSED,)),
)

SCENARIOS = (*WHERE, *PROOF, *PASSWORDS)
