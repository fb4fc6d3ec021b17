"""Several messages over one connection: who may share one, what goes between two messages, and what becomes of a
message whose connection turns out to be of no use any more.

Most relays here have one thread, because a connection stays with the thread that made it. Messages go one after the
other: where one is "sent" its connection waits for the next.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ca import SELF_SIGNED
from expect import equal
from mail_log import Attempt
from relay import TOP
from scenario import Check, Scenario
from sites import BREAK_OFF, HANG_UP, Host, Policy, Replies, Site, Smtp, StartTls, always, once
from smtp_host import SmtpHost, Visit
from trial import Trial

from scenarios.relays import LOGIN, NO, PASSWORD, USER, entry

EE = ("3 1 1",)
ONE_THREAD: dict[str, dict[str, Any]] = {TOP: {"threads": 1}}
# For a host that has much to read while other scenarios run.
PATIENT = {**ONE_THREAD, "outbound": {"command_timeout": "60s", "final_dot_timeout": "60s"}}
MANY = 100
KEEPS = Smtp(messages=MANY)
OFFERS = Smtp(messages=MANY, requiretls=True)
ACCEPTED = "250 2.0.0 Ok"
MESSAGES = 4
BURST = 30
MOST = 100           # messages over one connection
TTL_SECONDS = 2.1    # of records with a TTL of one second; caches count in whole ones
SHORTEST_RETRY = 0.8  # of an interval of one second, with what chance takes from it
IDLE_SECONDS = 5     # how long a connection waits for the next message
PATIENCE_SECONDS = 20
LINE = "x" * 990 + "\r\n"
# More than the buffers between two hosts hold: a host that breaks off has not been sent the end.
LARGE = LINE * (12_000_000 // len(LINE))


def then(reply: str) -> Replies:
    """`reply` to the second message; the first, and those after it, fare as usual."""
    return once(ACCEPTED, reply)


async def sent(trial: Trial, **wish: Any) -> str:
    """One message, which goes at the first attempt; its recipient."""
    recipient = (await trial.send(trial.address(domain=wish.pop("domain", None)), **wish))[0]
    await trial.attempt(recipient, "sent")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    equal("times it was taken", len(trial.accepted_by(recipient)), 1)
    return recipient


def connections(host: SmtpHost) -> list[list[str]]:
    """Of each, the recipients it carried."""
    return [visit.recipients() for visit in host.visits if visit.said("MAIL")]


def one_visit(host: SmtpHost) -> Visit:
    equal(f"connections to {host.name}", len(host.visits), 1)
    return host.visits[0]


# One connection for all.

@dataclass(frozen=True)
class OneConnection:
    """MESSAGES messages: one greeting, one handshake, one login at most."""

    tls: str
    name: str = "mx"
    user: str = ""

    async def __call__(self, trial: Trial) -> None:
        recipients = [await sent(trial) for _ in range(MESSAGES)]
        host, under_tls = trial.host(self.name), self.tls != "none"
        visit = one_visit(host)
        said = {verb: visit.count(verb) for verb in ("EHLO", "STARTTLS", "AUTH", "MAIL", "RSET", "QUIT")}
        equal("commands", said, {"EHLO": 1 + under_tls, "STARTTLS": int(under_tls), "AUTH": int(self.user != ""),
                                 "MAIL": MESSAGES, "RSET": 0, "QUIT": 0})
        equal("recipients", visit.recipients(), recipients)
        equal("tls= in the log", {one.tls for recipient in recipients for one in trial.relay.log.attempts(recipient)},
              {self.tls})
        equal("TLS of each message", {message.tls for message in host.received}, {under_tls})
        equal("who was logged in", {message.user for message in host.received}, {self.user or None})


async def burst(trial: Trial) -> None:
    """All at once: each arrives once, in as few connections as there were messages under way at a time."""
    recipients = await asyncio.gather(*(trial.send_one() for _ in range(BURST)))
    for recipient in recipients:
        await trial.attempt(recipient, "sent")
    equal("copies of each", {len(trial.host().accepted_for(recipient)) for recipient in recipients}, {1})
    equal("recipients of each transaction", {len(message.recipients) for message in trial.host().received}, {1})
    assert len(trial.host().visits) < BURST, "every message had a connection of its own"


async def number_of_messages(trial: Trial) -> None:
    """Some hosts hang up after so many: the next message has another connection, and the first is ended properly."""
    recipients = [await sent(trial) for _ in range(MOST + 1)]
    equal("connections", connections(trial.host()), [recipients[:MOST], recipients[MOST:]])
    await trial.until(lambda: trial.host().visits[0].said("QUIT"), "QUIT after the last one")


async def rest_over_the_same(trial: Trial) -> None:
    """A host that takes ten recipients at a time gets them all in one attempt, over one connection."""
    to = [trial.address() for _ in range(25)]
    await trial.send(*to)
    for recipient in to:
        await trial.attempt(recipient, "sent")
        equal("attempts", len(trial.relay.log.attempts(recipient)), 1)
    equal("recipients of each transaction", [len(m.recipients) for m in trial.host().received], [10, 10, 5])
    equal("recipients taken", sorted(one for m in trial.host().received for one in m.recipients), sorted(to))
    equal("MAIL over the connection", one_visit(trial.host()).count("MAIL"), 3)


# Another connection at once.

async def _first_and_second(trial: Trial, **wish: Any) -> Visit:
    """Two messages: the second is taken over a second connection in its first attempt. Returns the first connection."""
    first = await sent(trial)
    second = await sent(trial, **wish)
    visits = [visit for visit in trial.host().visits if visit.said("MAIL")]
    equal("connections", len(visits), 2)
    equal("the first one carried", visits[0].recipients()[:1], [first])
    equal("the second one carried", visits[1].recipients(), [second])
    return visits[0]


async def again_at_once(trial: Trial) -> None:
    visit = await _first_and_second(trial)
    equal("MAIL over the first connection", visit.count("MAIL"), 2)
    equal("messages with an end", len(trial.host().received), 2)


async def amid_the_message(trial: Trial) -> None:
    await sent(trial)
    large = (await trial.send(body=LARGE))[0]
    await trial.attempt(large, "sent")
    equal("messages with an end", len(trial.host().received), 2)
    _, _, got = trial.host().received[1].content.partition(b"\r\n\r\n")
    assert got == LARGE.encode(), "the second try is not the whole message"
    kept = next(visit for visit in trial.host().visits if visit.said("MAIL"))
    if kept.count("MAIL") == 1:
        return  # handing the message in took longer than a connection waits: it broke on a new one, and had to wait
    equal("DATA over the first connection", kept.count("DATA"), 2)
    equal("attempts", len(trial.relay.log.attempts(large)), 1)


async def told_while_idle(trial: Trial) -> None:
    """421 between two messages: nothing more is said on that connection."""
    first = await sent(trial)
    await trial.host().part("421 4.4.2 Idle for too long")
    second = await sent(trial)
    equal("connections", connections(trial.host()), [[first], [second]])


async def gone_by_then(trial: Trial) -> None:
    """The kept connection breaks, and nothing listens there any more: the other host gets it, in the same attempt."""
    first = await sent(trial)
    trial.host().refuse_connections()
    second = await sent(trial)
    equal("hosts that took them", [trial.accepted_by(one) for one in (first, second)],
          [[f"mx.{trial.domain}"], [f"other.{trial.domain}"]])
    equal("MAIL over the kept connection", one_visit(trial.host()).count("MAIL"), 2)


async def not_for_ever(trial: Trial) -> None:
    """421 on the kept connection, and on the new one: the message waits for its next attempt."""
    await sent(trial)
    recipient = await trial.send_one()
    attempt = await trial.first_attempt(recipient)
    equal("status of the first attempt", (attempt.status, attempt.dsn), ("deferred", "4.3.2"))
    await trial.attempt(recipient, "sent")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 2)
    equal("connections", len(trial.host().visits), 3)
    equal("copies", len(trial.accepted_by(recipient)), 1)


async def doubt(trial: Trial) -> None:
    """The host takes the second message and hangs up without a word: one more copy after a wait, no other host."""
    await sent(trial)
    recipient = await trial.send_one()
    attempt = await trial.first_attempt(recipient)
    equal("status of the first attempt", attempt.status, "deferred")
    assert "may be delivered more than once" in attempt.text, attempt.text
    again = await trial.attempt(recipient, "sent")
    equal("attempts", len(trial.relay.log.attempts(recipient)), 2)
    assert again.delay >= SHORTEST_RETRY, f"tried again without a wait: {again.line}"
    equal("copies sent", len([one for one in trial.host().received if recipient in one.recipients]), 2)
    assert not trial.host("other").saw_mail(), "the second host was tried after the final dot"


# Between two messages.

async def refused_between(trial: Trial) -> None:
    """A recipient refused, a content refused, some of several refused: each ends its own message only."""
    refused = await trial.send_one("no-such")
    equal("dsn= of the refused", (await trial.attempt(refused, "bounced")).dsn, "5.1.1")
    unwanted = await trial.send_one()
    equal("dsn= of the unwanted", (await trial.attempt(unwanted, "bounced")).dsn, "5.6.0")
    some = [trial.address("no-such"), trial.address()]
    await trial.send(*some)
    equal("dsn= of the refused beside another", (await trial.attempt(some[0], "bounced")).dsn, "5.1.1")
    await trial.attempt(some[1], "sent")
    last = await sent(trial)
    visit = one_visit(trial.host())
    commands = [line.split(" ")[0].upper() for _, line in visit.lines if not line.upper().startswith("EHLO")]
    message = ["MAIL", "RCPT", "DATA"]
    equal("commands", commands[commands.index("MAIL"):],
          [*message, "RSET", *message, "RSET", "MAIL", "RCPT", "RCPT", "DATA", *message])
    equal("taken", [one.recipients for one in trial.host().received if one.accepted], [some[1:], [last]])
    for recipient in (refused, unwanted, some[0]):
        equal(f"notices about {recipient}", (await trial.notice(recipient, "failed")).text.count(recipient) > 0, True)
        equal(f"hosts that took {recipient}", trial.accepted_by(recipient), [])


# Who may share.

def apart(host: str, *turns: dict[str, Any]) -> Check:
    """What goes by turns, twice around, has a connection each, which carries both of its messages."""
    async def check(trial: Trial) -> None:
        carried: list[list[str]] = [[] for _ in turns]
        for _ in range(2):
            for number, wish in enumerate(turns):
                carried[number].append(await sent(trial, **wish))
        equal("connections", connections(trial.world.hosts[host]), carried)
    return check


async def one_at_a_time(trial: Trial) -> None:
    """The host allows us one connection, and the next message needs another than the one that waits."""
    for wish in ({}, {"header": NO}) * 2:
        await sent(trial, **wish)
    turned_away = [visit for visit in trial.host().visits if not visit.lines]
    assert turned_away, "the host never had to turn anybody away"


async def shared(trial: Trial) -> None:
    recipients = [await sent(trial, domain=domain) for domain in ("reuse-one.test", "reuse-two.test") * 2]
    equal("connections", connections(trial.world.hosts["mx.reuse-provider.test"]), [recipients])


async def with_the_demand_or_without(trial: Trial) -> None:
    await apart(f"mx.{trial.domain}", {}, {"requiretls": True})(trial)
    parameters = ["REQUIRETLS" in message.parameters for message in trial.host().received]
    equal("REQUIRETLS in MAIL", parameters, [False, True, False, True])


async def _refused_beside(trial: Trial, recipient: str, host: SmtpHost, failure: str) -> Attempt:
    attempt = await trial.first_attempt(recipient)
    equal("status and failed=", (attempt.status, attempt.failed), ("deferred", f"failed={failure}"))
    assert all(recipient not in visit.recipients() for visit in host.visits), f"{host.name} saw {recipient}"
    return attempt


async def waived_for_one_only(trial: Trial) -> None:
    """What the header field let pass carries on for such messages, and for no other."""
    first = await sent(trial, header=NO)
    ordinary = await trial.send_one()
    await _refused_beside(trial, ordinary, trial.host(), "dane-mismatch")
    second = await sent(trial, header=NO)
    equal("connections", connections(trial.host()), [[first, second]])


ENFORCING, CARELESS = "reuse-enforcing.test", "reuse-careless.test"


async def never_rides(trial: Trial) -> None:
    """Pitfall 68: A has no policy and its host a self-signed certificate, B enforces at the same host: A, B, A, B."""
    host = trial.world.hosts[f"mx.{CARELESS}"]
    carried = []
    for _ in range(2):
        carried.append(await sent(trial, domain=CARELESS))
        await _refused_beside(trial, await trial.send_one(domain=ENFORCING), host, "sts-certificate")
    equal("connections", connections(host), [carried])


async def _new_policy(trial: Trial) -> None:
    policy_host = trial.policy_host()
    policy_host.text = policy_host.text.replace("none", "enforce")
    trial.world.dns.faulty.answer(f"_mta-sts.{trial.domain}", "TXT", '"v=STSv1; id=new;"')
    await trial.pulse.let_pass(TTL_SECONDS)


async def enforced_by_now(trial: Trial) -> None:
    """The connection of before the policy keeps waiting; the next message has another."""
    first = await sent(trial)
    await _new_policy(trial)
    second = await sent(trial)
    equal("tls= in the log", [trial.relay.log.attempts(one)[0].tls for one in (first, second)], ["encrypted", "sts"])
    equal("connections", connections(trial.host()), [[first], [second]])


async def enforced_and_unproven_by_now(trial: Trial) -> None:
    """The same where the host does not satisfy the policy: the second message waits."""
    first = await sent(trial)
    await _new_policy(trial)
    await _refused_beside(trial, await trial.send_one(), trial.host(), "sts-certificate")
    equal("connections", connections(trial.host()), [[first]])


async def in_clear_for_one_only(trial: Trial) -> None:
    """Each message asks for TLS again; no session in clear is kept."""
    for _ in range(2):
        recipient = await sent(trial)
        attempt = trial.relay.log.attempts(recipient)[0]
        equal("tls= in the log", (attempt.tls, attempt.failed), ("none", "downgraded"))
    visits = trial.host().visits
    equal("MAIL of each connection that carried one", [visit.count("MAIL") for visit in visits if visit.said("MAIL")],
          [1, 1])
    for visit in visits:
        assert visit.said("STARTTLS") != visit.said("MAIL"), f"heard: {visit.lines}"
    await trial.until(lambda: all(visit.said("QUIT") for visit in visits if visit.said("MAIL")), "QUIT to each")


# Leave-taking.

async def given_up(trial: Trial) -> None:
    await sent(trial)
    visit = one_visit(trial.host())
    assert not visit.said("QUIT"), "no time for another message"
    await trial.until(lambda: visit.said("QUIT"), f"QUIT after {IDLE_SECONDS} s", PATIENCE_SECONDS)
    equal("the last command", visit.lines[-1][1], "QUIT")
    await sent(trial)
    equal("connections", len(trial.host().visits), 2)


async def leave_at_the_end(trial: Trial) -> None:
    """SIGTERM: exit 0, and QUIT to everyone who was kept waiting."""
    for site in trial.sites:
        await sent(trial, domain=site.zone)
    visits = [one_visit(host) for host in trial.own_hosts()]
    equal("QUIT before the end", [visit.said("QUIT") for visit in visits], [False, False])
    equal("exit status after SIGTERM", await trial.relay.stop(), 0)
    await trial.until(lambda: all(visit.said("QUIT") for visit in visits), "QUIT to each")
    await trial.relay.start()


def at(zone: str, smtp: Smtp = KEEPS, **fields: Any) -> tuple[Site, ...]:
    """Nothing is published about this zone."""
    return (Site(zone, signed=False, hosts=(Host(smtp=smtp, **fields),)),)


def keeping(title: str, shows: str, sites: tuple[Site, ...], check: Check, **fields: Any) -> Scenario:
    return Scenario(title, shows, sites, check, **{"settings": ONE_THREAD, **fields})


def stale(title: str, zone: str, **behaviour: Any) -> Scenario:
    return keeping(title, "pitfall-69", at(zone, Smtp(messages=MANY, **behaviour)), again_at_once)


WITH_LOGIN = "reuse-login.test"
LOGIN_RULE = entry(WITH_LOGIN, login=f"{USER}:{PASSWORD}")

TOGETHER = (
    keeping("Several messages to a host without TLS go over one connection", "pitfall-68",
            at("reuse-clear.test", Smtp(starttls=StartTls.ABSENT, messages=MANY)), OneConnection("none")),
    keeping("Several messages go over one connection, with one handshake", "pitfall-68",
            at("reuse-tls.test"), OneConnection("encrypted")),
    keeping("Several messages under DANE go over one connection", "pitfall-68",
            (Site("reuse-dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=EE, smtp=KEEPS),)),), OneConnection("dane")),
    keeping("Several messages under an enforced policy go over one connection", "pitfall-68",
            (Site("reuse-sts.test", signed=False, hosts=(Host(smtp=KEEPS),), policy=Policy()),), OneConnection("sts")),
    keeping("Several messages through a relay with a password: one login", "pitfall-68 AUT-04",
            (Site(WITH_LOGIN, hosts=(Host("mx"), Host("relay", preference=None,
                                                      smtp=Smtp(port=587, login=LOGIN, messages=MANY)))),),
            OneConnection("secure", "relay", USER), rules=(LOGIN_RULE,)),
    keeping("Many messages at once: each arrives once, over fewer connections than messages", "pitfall-68",
            at("reuse-burst.test"), burst, settings={}),
    keeping("A connection carries 100 messages, and is ended with QUIT", "pitfall-69",
            at("reuse-hundred.test", Smtp(messages=2 * MOST)), number_of_messages),
    keeping("452 for too many recipients: the rest goes at once, over the same connection", "SMTP-19",
            at("reuse-ten-at-a-time.test", Smtp(messages=MANY, recipients=10)), rest_over_the_same),
)

OF_NO_USE = (
    stale("421 to MAIL on a kept connection: another one in the same attempt", "reuse-421.test",
          mail=then("421 4.4.2 Idle for too long")),
    stale("A host that closes at MAIL on a kept connection: another one in the same attempt", "reuse-closed.test",
          mail=then(HANG_UP)),
    stale("452 to MAIL on a kept connection: another one in the same attempt", "reuse-452.test",
          mail=then("452 4.3.1 Enough messages")),
    stale("421 to RCPT on a kept connection: another one in the same attempt", "reuse-421-rcpt.test",
          rcpt=then("421 4.3.2 Closing")),
    stale("A host that closes at RCPT on a kept connection: another one in the same attempt", "reuse-closed-rcpt.test",
          rcpt=then(HANG_UP)),
    stale("A host that closes at DATA on a kept connection: another one in the same attempt", "reuse-closed-data.test",
          data=Replies(first=("354 Go ahead", HANG_UP))),
    keeping("A host that closes amid a message on a kept connection: the whole message over another one", "pitfall-69",
            at("reuse-amid.test", Smtp(starttls=StartTls.ABSENT, extensions=("PIPELINING",), messages=MANY,
                                       data=Replies(first=("354 Go ahead", BREAK_OFF)))), amid_the_message,
            settings=PATIENT),
    keeping("A host that says 421 while the connection waits: the next message has another", "pitfall-69",
            at("reuse-told.test"), told_while_idle),
    keeping("A kept connection that breaks at a host that is gone by then: the other host, in the same attempt",
            "pitfall-69",
            (Site("reuse-gone.test", signed=False,
                  hosts=(Host("mx", 10, smtp=Smtp(messages=MANY, mail=then(HANG_UP))), Host("other", 20))),),
            gone_by_then),
    keeping("421 on a kept connection from a host that is gone by then: the other host, in the same attempt",
            "pitfall-69",
            (Site("reuse-gone-421.test", signed=False,
                  hosts=(Host("mx", 10, smtp=Smtp(messages=MANY, mail=then("421 4.3.2 Closing"))),
                         Host("other", 20))),), gone_by_then),
    keeping("421 on a kept connection and on the new one: waits, as with any 421", "pitfall-69 SMTP-18",
            at("reuse-421-both.test", Smtp(messages=MANY, mail=once(ACCEPTED, *["421 4.3.2 Not now"] * 2))),
            not_for_ever),
    keeping("A kept connection lost after the final dot: one more try later, not at once, at no other host",
            "SMTP-03 pitfall-73",
            (Site("reuse-doubt.test", signed=False,
                  hosts=(Host("mx", 10, smtp=Smtp(messages=MANY, final=then(HANG_UP))), Host("other", 20))),), doubt),
)

BETWEEN = (
    keeping("RSET after a refused message, and its recipients are not the next one's", "pitfall-68 pitfall-70",
            at("reuse-refused.test", Smtp(messages=MANY, rcpt_for={"no-such": always("550 5.1.1 No such user")},
                                          final=once("554 5.6.0 Content refused"))), refused_between),
)

APART = (
    keeping("REQUIRETLS messages and others have connections of their own", "pitfall-68 REQ-04",
            (Site("reuse-req.test", hosts=(Host(tlsa=EE, smtp=OFFERS),)),), with_the_demand_or_without),
    keeping("Messages with TLS-Required: No and others have connections of their own", "pitfall-67 pitfall-68 REQ-08",
            (Site("reuse-no.test", hosts=(Host(tlsa=EE, smtp=KEEPS),)),),
            apart("mx.reuse-no.test", {}, {"header": NO})),
    keeping("A host that allows one connection: the one that waits gives way, in the same attempt", "pitfall-91",
            at("reuse-one-at-once.test", Smtp(messages=MANY, at_once=1)), one_at_a_time,
            not_compared="explain opens a connection of its own, and the host allows one"),
    keeping("The same where nothing is published", "pitfall-67 pitfall-68 REQ-08", at("reuse-no-plain.test"),
            apart("mx.reuse-no-plain.test", {}, {"header": NO})),
    keeping("A session that TLS-Required: No let pass carries no other message", "pitfall-67 pitfall-68 REQ-08",
            (Site("reuse-waived.test", hosts=(Host(tlsa=("3 1 1 wrong",), smtp=KEEPS),)),), waived_for_one_only),
    keeping("DANE and no policy at one address: no shared connection", "pitfall-68",
            (Site("reuse-with-dane.test", hosts=(Host(tlsa=EE, smtp=KEEPS),)),
             Site("reuse-without.test", signed=False, hosts=(Host(alias="mx.reuse-with-dane.test."),))),
            apart("mx.reuse-with-dane.test", {}, {"domain": "reuse-without.test"})),
    keeping("DANE for the domain and DANE for the host only: no shared connection", "pitfall-68",
            (Site("reuse-whole.test", hosts=(Host(tlsa=EE, smtp=KEEPS),)),
             Site("reuse-host-only.test", signed=False, hosts=(), mx=((10, "mx.reuse-whole.test."),))),
            apart("mx.reuse-whole.test", {}, {"domain": "reuse-host-only.test"})),
    keeping("An enforced policy and none at one address: no shared connection", "pitfall-68",
            (Site("reuse-strict.test", signed=False, hosts=(), mx=((10, "mx.reuse-lax.test."),),
                  policy=Policy(mx=("mx.reuse-lax.test",))), *at("reuse-lax.test")),
            apart("mx.reuse-lax.test", {}, {"domain": "reuse-lax.test"})),
    keeping("A self-signed host, a domain without a policy and one that enforces: it never rides along", "pitfall-68",
            (Site(ENFORCING, signed=False, hosts=(), mx=((10, f"mx.{CARELESS}."),),
                  policy=Policy(mx=(f"mx.{CARELESS}",))), *at(CARELESS, cert=SELF_SIGNED)), never_rides),
    keeping("Two domains that publish nothing share the connections to one address", "pitfall-68",
            (Site("reuse-one.test", signed=False, hosts=(), mx=((10, "mx.reuse-provider.test."),)),
             Site("reuse-two.test", signed=False, hosts=(), mx=((10, "mx.reuse-provider.test."),)),
             *at("reuse-provider.test")), shared),
    keeping("A policy enforced since the last message: the kept connection is not used", "pitfall-68 STS-08",
            (Site("reuse-new-policy.test", signed=False, watched=True, ttl=1, hosts=(Host(smtp=KEEPS),),
                  policy=Policy(mode="none")),), enforced_by_now),
    keeping("A policy enforced since the last message, which the host fails: the next message waits",
            "pitfall-68 STS-08",
            (Site("reuse-new-failing.test", signed=False, watched=True, ttl=1,
                  hosts=(Host(cert=SELF_SIGNED, smtp=KEEPS),), policy=Policy(mode="none")),),
            enforced_and_unproven_by_now),
    keeping("A session in clear after a handshake that failed is for its message alone", "pitfall-68",
            at("reuse-fallen.test", Smtp(starttls=StartTls.GARBAGE, messages=MANY)), in_clear_for_one_only),
)

ENDINGS = (
    keeping("A connection that waited 5 s for another message is ended with QUIT", "pitfall-69", at("reuse-idle.test"),
            given_up),
    keeping("SIGTERM: the connections that wait are ended with QUIT", "pitfall-69 pitfall-92",
            (*at("reuse-end-a.test"), *at("reuse-end-b.test", Smtp(starttls=StartTls.ABSENT, messages=MANY))),
            leave_at_the_end, settings={}),
)

SCENARIOS = (*TOGETHER, *OF_NO_USE, *BETWEEN, *APART, *ENDINGS)
