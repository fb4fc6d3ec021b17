"""The relay's mail log, read as it is written: which line says what became of which recipient."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

DELIVERY = re.compile(r"(\w+): to=<(?P<to>[^>]*)>, relay=(?P<relay>[^,]*), delay=(?P<delay>[^,]*), "
                      r"delays=(?P<delays>[^,]*), tls=(?P<tls>[^,]*), dsn=(?P<dsn>[^,]*), "
                      r"status=(?P<status>\w+) \((?P<text>.*)\)")
QUEUED = re.compile(r"(\w+): client=(?P<client>[^,]*), from=<(?P<sender>[^>]*)>, .*\(queued\)")
NOTICE = re.compile(r"(\w+): sender (?P<kind>failed|delayed) notice: (?P<notice>\w+)")


@dataclass(frozen=True)
class Attempt:
    """One line with status=: the end of one attempt for one recipient."""

    id: str
    recipient: str
    relay: str
    tls: str       # without what follows the colon
    failed: str    # what follows it: "failed=dane-mismatch", or empty
    dsn: str
    status: str    # sent, deferred, bounced
    delay: float                # seconds since arrival
    delays: tuple[float, ...]   # its parts
    text: str
    line: str


class MailLog:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._attempts: dict[str, list[Attempt]] = defaultdict(list)

    def take(self, line: str) -> None:
        self.lines.append(line)
        match = DELIVERY.search(line)
        if match:
            tls, _, failed = match["tls"].partition(":")
            delays = tuple(float(part) for part in match["delays"].split("/"))
            self._attempts[match["to"]].append(Attempt(match[1], match["to"], match["relay"], tls, failed,
                                                       match["dsn"], match["status"], float(match["delay"]), delays,
                                                       match["text"], line))

    def attempts(self, recipient: str) -> list[Attempt]:
        return self._attempts[recipient]

    def queued_ids(self, sender: str) -> list[str]:
        return [match[1] for line in self.lines if (match := QUEUED.search(line)) and match["sender"] == sender]

    def notices(self, message_id: str) -> list[tuple[str, str]]:
        """(kind, id of the notice) of the notices about one message."""
        return [(match["kind"], match["notice"]) for line in self.lines
                if (match := NOTICE.search(line)) and match[1] == message_id]

    def about(self, text: str) -> list[str]:
        """Every line that mentions `text`, and every line of the messages those lines are of."""
        ids = {match[1] for line in self.lines if text in line and (match := re.search(r"(\w{20,}): ", line))}
        return [line for line in self.lines if text in line or any(one in line for one in ids)]
