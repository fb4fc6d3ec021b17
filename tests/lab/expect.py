"""The usual outcomes, as checks: delivered, deferred, bounced. Each holds delivery, log, queue, notice and `explain`
against the same expectation, so that they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Union

from trial import Trial

SECURITY = ("dane-lookup", "dane-mismatch", "dane-no-tls", "sts-mx-mismatch", "sts-certificate", "sts-no-tls",
            "dane-required", "sts-required", "sts-unknown", "rule-certificate", "rule-no-tls",
            "requiretls-unsupported", "requiretls-unmet")


def equal(what: str, got: object, want: object) -> None:
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def _entry(explanation: dict[str, Any], host: str) -> dict[str, Any]:
    for entry in explanation["hosts"]:
        if entry["host"].rstrip(".").lower() == host:
            found: dict[str, Any] = entry
            return found
    raise AssertionError(f"explain does not name {host}: {explanation['hosts']}")


@dataclass(frozen=True)
class Delivered:
    """Arrives once, at `host` and nowhere else, with `tls` as the log's word for it."""

    tls: str
    host: str = "mx"
    level: Optional[str] = None            # what explain calls what is owed, when it is not the word in the log
    attempts_before: int = 0               # how many attempts may end in "deferred" first
    passed_over: tuple[str, ...] = ()      # hosts that saw no envelope
    waived: Optional[str] = None           # class of the failure that did not count; the log says ":downgraded"
    explained: bool = True
    explained_host: Optional[str] = None   # the name in the MX record, when it is an alias of `host`

    async def __call__(self, trial: Trial) -> None:
        recipient = await trial.send_one()
        await self.check(trial, recipient)

    async def check(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "sent")
        name = trial.site.absolute(self.host)
        equal("hosts that took it", trial.accepted_by(recipient), [name])
        equal("tls= in the log", attempt.tls, self.tls)
        if self.waived is not None:
            equal("tls= in the log, behind the colon", attempt.failed, "downgraded")
        assert attempt.dsn.startswith("2."), f"dsn= in the log: {attempt.dsn}"
        assert trial.host(self.host).address in attempt.relay, f"relay= in the log: {attempt.relay}"
        deferred = [one for one in trial.relay.log.attempts(recipient) if one.status == "deferred"]
        equal("attempts deferred before", len(deferred), self.attempts_before)
        equal("TLS at the host", trial.host(self.host).accepted_for(recipient)[0].tls, self.tls != "none")
        for other in self.passed_over:
            assert not trial.host(other).saw_mail(), f"{other} saw an envelope"
        if self.explained:
            await self._explained(trial)

    async def _explained(self, trial: Trial) -> None:
        name = trial.site.absolute(self.explained_host or self.host)
        level = self.level or ("opportunistic" if self.tls in ("none", "encrypted") else self.tls)
        explanation = await trial.explain()
        equal("explain: deliverable", explanation["deliverable"], True)
        entry = _entry(explanation, name)
        equal("explain: action", entry["action"], "use")
        equal("explain: level", entry["level"], level)
        connected = await trial.explain("--connect")
        equal("explain --connect: deliverable", connected["deliverable"], True)
        probe = _entry(connected, name)["connect"]
        equal("explain --connect: ok", probe["ok"], True)
        equal("explain --connect: tls", probe["tls"], self.tls)


@dataclass(frozen=True)
class Deferred:
    """Waits, with this class of failure; no host of the scenario is shown an envelope in any form."""

    reason: str
    dsn: str
    host: str = "mx"
    level: Optional[str] = None       # None: the host is not even connected to (skip)
    tls: str = "none"                 # in the log, before :failed=
    domain_failure: bool = False      # explain puts the failure on the domain, not on a host
    contacted: bool = True            # may `host` see a connection?
    explained_host: Optional[str] = None
    also: tuple[str, ...] = ()        # classes that are as true; a resolver may remember a silence as a failure

    async def __call__(self, trial: Trial) -> None:
        recipient = await trial.send_one()
        await self.check(trial, recipient)

    def _same_class(self, what: str, got: Optional[str]) -> None:
        equal(what, got if got not in self.also else self.reason, self.reason)

    async def check(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "deferred")
        equal("dsn= in the log", attempt.dsn, self.dsn)
        if self.reason in SECURITY:
            equal("failed= in the log", attempt.failed, f"failed={self.reason}")
        reason = await trial.queued_reason(recipient)
        self._same_class("class in queue list", reason.get("class"))
        if self.reason in SECURITY:
            notice = await trial.notice(recipient, "delayed")
            equal("Status in the delay notice", notice.status, self.dsn)
            assert notice.remote_mta is None, f"our own decision names a Remote-MTA: {notice.remote_mta}"
        await self._explained(trial)
        await trial.attempt(recipient, "deferred", count=2)
        self._untouched(trial, recipient)

    def _untouched(self, trial: Trial, recipient: str) -> None:
        equal("hosts that took it", trial.accepted_by(recipient), [])
        for host in trial.own_hosts():
            assert not host.saw_mail(), f"{host.name} saw an envelope: {host.visits[-1].lines}"
        if not self.contacted or self.level is None:
            refused = trial.world.hosts.get(trial.site.absolute(self.host))
            assert refused is None or not refused.visits, f"{self.host} was connected to: {refused.visits}"

    async def _explained(self, trial: Trial) -> None:
        explanation = await trial.explain()
        if self.domain_failure:
            equal("explain: deliverable", explanation["deliverable"], False)
            self._same_class("explain: class", (explanation["failure"] or {}).get("class"))
            return
        name = trial.site.absolute(self.explained_host or self.host)
        entry = _entry(explanation, name)
        equal("explain: action", entry["action"], "skip" if self.level is None else "use")
        if self.level is None:
            equal("explain: class", (entry["failure"] or {}).get("class"), self.reason)
            equal("explain: deliverable", explanation["deliverable"], False)
            equal("explain --connect: deliverable", (await trial.explain("--connect"))["deliverable"], False)
            return
        equal("explain: level", entry["level"], self.level)
        connected = await trial.explain("--connect")
        equal("explain --connect: deliverable", connected["deliverable"], False)
        probe = _entry(connected, name)["connect"]
        equal("explain --connect: ok", probe["ok"], False)
        equal("explain --connect: class", probe["failure"]["class"], self.reason)


@dataclass(frozen=True)
class Bounced:
    """Comes back at the first attempt, with a notice that names the same status as the log."""

    dsn: str
    reason: Optional[str] = None      # class that explain gives for the domain; None: explain has no part in it
    undeliverable: bool = False       # does explain say so too, by a host?
    remote: bool = False              # is it the other server's word?
    text: str = ""                    # found in the notice's diagnostic

    async def __call__(self, trial: Trial) -> None:
        recipient = await trial.send_one()
        await self.check(trial, recipient)

    async def check(self, trial: Trial, recipient: str) -> None:
        attempt = await trial.attempt(recipient, "bounced")
        equal("dsn= in the log", attempt.dsn, self.dsn)
        notice = await trial.notice(recipient, "failed")
        equal("Status in the notice", notice.status, self.dsn)
        equal("Remote-MTA in the notice", notice.remote_mta is not None, self.remote)
        diagnostic = notice.diagnostic or ""
        equal("smtp; in Diagnostic-Code", diagnostic.lstrip().lower().startswith("smtp;"), self.remote)
        assert self.text in diagnostic, f"Diagnostic-Code: {diagnostic}"
        assert recipient in notice.text, "the first part of the notice does not name the recipient"
        equal("Auto-Submitted", notice.message.get("Auto-Submitted"), "auto-replied")
        equal("hosts that took it", trial.accepted_by(recipient), [])
        if self.reason is not None or self.undeliverable:
            explanation = await trial.explain()
            equal("explain: deliverable", explanation["deliverable"], False)
            if self.reason is not None:
                equal("explain: class", (explanation["failure"] or {}).get("class"), self.reason)


@dataclass(frozen=True)
class UnderRule:
    """The outcome, and the [[destination]] entry is named with its line: by explain, in the queue, in notices."""

    rule: Mapping[str, Any]
    outcome: Union[Delivered, Deferred, Bounced]

    async def __call__(self, trial: Trial) -> None:
        recipient = await trial.send_one()
        await self.outcome.check(trial, recipient)
        where = trial.relay.where(self.rule)
        explained = (await trial.explain())["rule"]
        assert explained is not None, "explain names no rule"
        equal("explain: where the rule stands", explained["where"], where)
        equal("explain: tls of the rule", explained["tls"], self.rule.get("tls", "automatic"))
        record = await trial.record(recipient)
        if record is not None:
            equal("queue show: where the rule stands", record["rule"]["where"], where)
        for notice in trial.notices(recipient):
            assert where in notice.text, f"the notice does not name {where}: {notice.text}"
