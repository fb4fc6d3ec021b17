"""One run of one scenario: what it may do (send, wait, ask, look) and what it may look at."""

from __future__ import annotations

import asyncio
import itertools
import smtplib
import ssl
from typing import Any, Callable, Optional

import explain_schema
from mail_log import Attempt
from notices import Notice, find_notices
from policy_host import PolicyHost
from pulse import Pulse
from relay import Relay
from sites import Site
from smtp_host import SmtpHost
from world import World

SENDER = "sender@origin.test"
WAIT_SECONDS = 40.0
LOOKS = 20
_numbers = itertools.count(1)


class Trial:
    def __init__(self, world: World, relay: Relay, sites: tuple[Site, ...]) -> None:
        self.world = world
        self.relay = relay
        self.sites = sites
        self.recipients: list[str] = []

    @property
    def site(self) -> Site:
        return self.sites[0]

    @property
    def domain(self) -> str:
        return self.sites[0].zone

    @property
    def pulse(self) -> Pulse:
        return self.world.pulse

    # What to look at.

    def host(self, name: str = "mx") -> SmtpHost:
        return self.world.hosts[self.site.absolute(name)]

    def policy_host(self, site: Optional[Site] = None) -> PolicyHost:
        return self.world.policy_hosts[f"mta-sts.{(site or self.site).zone}"]

    def own_hosts(self) -> list[SmtpHost]:
        names = [site.absolute(host.name) for site in self.sites for host in site.hosts]
        return [self.world.hosts[name] for name in names if name in self.world.hosts]

    def accepted_by(self, recipient: str) -> list[str]:
        """The hosts, of the whole lab, that took a message for `recipient`."""
        return [name for name, host in self.world.hosts.items() for _ in host.accepted_for(recipient)]

    # What to do.

    def address(self, part: str = "user", domain: Optional[str] = None) -> str:
        """A recipient nobody else uses."""
        address = f"{part}-{next(_numbers)}@{domain or self.domain}"
        self.recipients.append(address)
        return address

    async def send(self, *recipients: str, body: str = "Hello.\r\n", sender: str = SENDER, header: str = "",
                   requiretls: bool = False) -> list[str]:
        """Hands one message to the relay, for these recipients or a new one; returns them once it said 250. `header`:
        further fields. `requiretls`: under TLS, with that parameter of MAIL."""
        to = list(recipients) or [self.address()]
        content = (f"From: <{sender}>\r\nTo: <{to[0]}>\r\nSubject: lab {to[0]}\r\n"
                   f"Date: Thu, 01 Jan 2026 12:00:00 +0000\r\nMessage-ID: <{to[0]}.lab>\r\n{header}\r\n{body}")
        context = self.world.client_context() if requiretls else None
        await asyncio.to_thread(_submit, self.relay.port, sender, to, content.encode(), context)
        return to

    async def send_one(self, part: str = "user", domain: Optional[str] = None) -> str:
        return (await self.send(self.address(part, domain)))[0]

    async def attempt(self, recipient: str, status: str, count: int = 1, seconds: float = WAIT_SECONDS) -> Attempt:
        """The log line of the `count`-th attempt for `recipient` that ended with `status`. Fails at once when the
        recipient's matter has ended in another way."""
        def found() -> Optional[Attempt]:
            attempts = self.relay.log.attempts(recipient)
            matching = [one for one in attempts if one.status == status]
            if len(matching) >= count:
                return matching[count - 1]
            ended = [one.line for one in attempts if one.status in ("sent", "bounced")]
            assert not ended, f"should have been status={status}: {ended[0]}"
            return None
        return await self.pulse.until(found, seconds, f"status={status} ({count}) for {recipient}")

    async def first_attempt(self, recipient: str, seconds: float = WAIT_SECONDS) -> Attempt:
        """The log line of the first attempt for `recipient`, however it ended."""
        attempts = await self.pulse.until(lambda: self.relay.log.attempts(recipient), seconds,
                                          f"an attempt for {recipient}")
        return attempts[0]

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
        return await self.pulse.until(condition, seconds, what)

    async def notice(self, recipient: str, action: str, seconds: float = WAIT_SECONDS,
                     at: Optional[SmtpHost] = None) -> Notice:
        """The notice about `recipient` that reached the sender, whose host is `at`."""
        host = at or self.world.origin
        found = await self.pulse.until(lambda: find_notices(host.received, recipient, action), seconds,
                                       f"a notice with Action: {action} for {recipient}")
        return found[0]

    def notices(self, recipient: str) -> list[Notice]:
        """All about `recipient` that reached the sender so far."""
        return [notice for action in ("delayed", "failed")
                for notice in find_notices(self.world.origin.received, recipient, action)]

    def notice_count(self, recipient: str, action: str) -> int:
        """How many different ones; one that was on its way when its relay was killed may arrive twice."""
        found = find_notices(self.world.origin.received, recipient, action)
        return len({notice.message["Message-ID"] for notice in found})

    async def explain(self, *options: str, domain: Optional[str] = None) -> dict[str, Any]:
        answer = await self.relay.run("explain", "--json", *options, domain or self.domain)
        result: dict[str, Any] = answer.json
        explain_schema.validate(result)
        expected = 0 if result.get("deliverable") else 1
        assert answer.status == expected, f"explain: exit status {answer.status}, deliverable {not expected}"
        return result

    async def queued_reason(self, recipient: str) -> dict[str, Any]:
        """Why `recipient` waits, as `queue list --json` says; empty when it is not in the queue."""
        for _ in range(LOOKS):
            listed = (await self.relay.run("queue", "list", "--json", "--recipient", recipient)).json
            entries = [entry for message in listed for entry in message["recipients"] if entry["address"] == recipient]
            if not entries or entries[0].get("reason"):
                break
            await self.pulse.let_pass(0.1)  # the line in the log comes before the entry in the queue
        reason: dict[str, Any] = entries[0]["reason"] if entries else {}
        return reason or {}

    async def record(self, recipient: str) -> Optional[dict[str, Any]]:
        """What the last attempt for `recipient` decided; None when it is not queued."""
        listed = (await self.relay.run("queue", "list", "--json", "--recipient", recipient)).json
        decided = await self.decisions(listed[0]["id"]) if listed else []
        return decided[-1] if decided else None

    async def decisions(self, message_id: str) -> list[dict[str, Any]]:
        """What the attempts for a message decided, as `queue show --json` says; empty when it is gone. An attempt that
        is under way has decided nothing yet."""
        for _ in range(LOOKS):
            shown = await self.relay.run("queue", "show", "--json", message_id)
            history = shown.json["history"] if shown.status == 0 else []
            if decided := [attempt["decision"] for attempt in history if attempt["decision"]]:
                return decided
            if shown.status != 0:
                return []
            await self.pulse.let_pass(0.1)  # the line in the log comes before the entry in the queue
        raise AssertionError(f"no attempt for {message_id} has a record")

    async def retry_now(self, *recipients: str) -> None:
        """`queue retry` for these recipients, or for all."""
        filters = [("--recipient", recipient) for recipient in recipients] or [("--all",)]
        for words in filters:
            answer = await self.relay.run("queue", "retry", *words)
            assert answer.status == 0, f"queue retry: exit status {answer.status}: {answer.errors}"

    def story(self) -> str:
        """For a failure: all that the log and the hosts know."""
        lines = [line for recipient in self.recipients for line in self.relay.log.about(recipient)][-12:]
        lines += [line for line in self.relay.log.lines if self.sites and self.domain in line][-12:]
        for host in self.own_hosts():
            for visit in host.visits[-3:]:
                said = " | ".join(("*" if tls else "") + line for tls, line in visit.lines if line.strip())
                lines.append(f"{host.name} [{host.address}] heard: {said[:300]}")
        return "\n".join(f"        {line}" for line in dict.fromkeys(lines))


def _submit(port: int, sender: str, recipients: list[str], content: bytes,
            requiretls: Optional[ssl.SSLContext]) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="app.origin.test", timeout=30) as client:
        if requiretls is not None:
            client.starttls(context=requiretls)
        refused = client.sendmail(sender, recipients, content, ["REQUIRETLS"] if requiretls is not None else [])
    assert not refused, f"the relay refused {refused}"
