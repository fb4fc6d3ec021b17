"""The relay's main job before the reader's eyes: mail to four domains, what became of each, and what the sender of
the refused one is told. Called by scripts/demo inside a network namespace of its own."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

from ca import SELF_SIGNED
from mail_log import Attempt
from processes import run_to_the_end
from pulse import Late
from relay import Relay
from sites import Host, Policy, Site, Smtp, StartTls
from trial import SENDER, Trial
from world import World, bring_up_network

WIDTH = 100


@dataclass(frozen=True)
class Stop:
    """One destination of the tour."""

    title: str
    publishes: str
    presents: str
    site: Site
    tls: str                 # what the log must say, or the demonstration has gone wrong
    outcome: str = "sent"


TOUR = (
    Stop("DANE", "a TLSA record (3 1 1) for its mail host's key, signed with DNSSEC",
         "a self-signed certificate with that key",
         Site("dane.test", hosts=(Host(cert=SELF_SIGNED, tlsa=("3 1 1",)),)), "dane"),
    Stop("MTA-STS", "an MTA-STS policy, mode enforce, at https://mta-sts.sts.test/",
         "a certificate that a trusted authority vouches for",
         Site("sts.test", signed=False, policy=Policy()), "sts"),
    Stop("nothing", "nothing about security", "no STARTTLS at all",
         Site("plain.test", signed=False, hosts=(Host(smtp=Smtp(starttls=StartTls.ABSENT)),)), "none"),
    Stop("downgraded", "a TLSA record (3 1 1) for its mail host's key, signed with DNSSEC",
         "a certificate with another key: somebody may stand in between",
         Site("downgraded.test", hosts=(Host(tlsa=("3 1 1 wrong",)),)), "none", "deferred"),
)

INTRODUCTION = """
A small internet on the loopback device: a signed root, a signed top-level domain, four mail domains, their mail
hosts and a policy host. The relay resolves from that root and validates every answer itself. One message each from
{sender}; here is what became of them.
"""

FAREWELL = """
To run it for real:

    cmake --preset release && cmake --build --preset release && sudo cmake --install build/release
    sudoedit /etc/fulmar/fulmar.toml      # hostname, listeners; every key has a default
    fulmar check                          # keys, certificates, trust anchor, DNSSEC from where you stand
    sudo systemctl start fulmar           # or by hand: fulmar serve
    fulmar explain example.org --connect  # how a message would go, before one does

Play with this internet by scripts/lab --shell; see all it shows by scripts/lab.
"""


def what_happened(attempt: Attempt) -> str:
    if attempt.status == "sent":
        how = {"none": "in clear: nothing else was asked for or offered", "encrypted": "encrypted, nobody vouched for",
               "sts": "encrypted, and the certificate verified", "dane": "encrypted, and the key verified"}
        return f"delivered {how.get(attempt.tls, attempt.tls)}"
    return f"not sent, waiting: {attempt.text}"


def show(stop: Stop, attempt: Attempt, envelope_seen: bool) -> None:
    verdict = attempt.tls + (f":{attempt.failed}" if attempt.failed else "")
    print(f"  {stop.site.zone}")
    for label, value in (("publishes", stop.publishes), ("host presents", stop.presents),
                         ("what happened", what_happened(attempt)), ("host", attempt.relay),
                         ("in the log", f"tls={verdict}, dsn={attempt.dsn}, status={attempt.status}"),
                         ("sender, recipient and text", "seen by the host" if envelope_seen else "never shown to it")):
        lines = textwrap.wrap(value, WIDTH - 34) or [""]
        print(f"      {label + ':':<28}{lines[0]}")
        for line in lines[1:]:
            print(" " * 34 + line)
    print()


async def tour(program: Path, directory: Path) -> int:
    world = World(directory / "world", [stop.site for stop in TOUR])
    relay = Relay(program, world, directory / "relay", 2525)
    try:
        await world.start()
        await relay.start()
        print(textwrap.fill(INTRODUCTION.format(sender=SENDER).replace("\n", " ").strip(), WIDTH), end="\n\n")
        trials = [(stop, Trial(world, relay, (stop.site,))) for stop in TOUR]
        recipients = [await trial.send_one("someone") for _, trial in trials]
        for (stop, trial), recipient in zip(trials, recipients):
            attempt = await trial.attempt(recipient, stop.outcome)
            show(stop, attempt, trial.host().saw_mail())
            assert attempt.tls == stop.tls, f"{stop.site.zone} should have had tls={stop.tls}"
            assert trial.host().saw_mail() == (stop.outcome == "sent"), f"{stop.site.zone}: what its host saw"
        notice = await trial.notice(recipient, "delayed")
        print(f"Meanwhile {SENDER} has got this notice (its first part; a machine-readable one follows it):\n")
        print(textwrap.indent(notice.text.rstrip(), "  | ", lambda _: True))
        print(FAREWELL, end="")
        return 0
    finally:
        await relay.stop()
        await world.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fulmar", type=Path, required=True, help="the program")
    arguments = parser.parse_args()
    bring_up_network()
    directory = Path(tempfile.mkdtemp(prefix="demo-"))
    try:
        return run_to_the_end(tour(arguments.fulmar.resolve(), directory))
    except (AssertionError, Late) as error:
        print(f"The demonstration went wrong: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
