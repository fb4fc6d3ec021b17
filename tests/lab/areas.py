"""Which scenarios are about transport security, judged by the ids they show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable

STANDARDS = ("STS", "DANE", "REQ", "BCP", "NAM")
# The parts A to F and H of the list of pitfalls, in docs/conformance.md: MTA-STS, DANE, the resolver, TLS sessions.
PITFALLS = {"pitfalls A": range(1, 8), "pitfalls B": range(8, 18), "pitfalls C": range(18, 28),
            "pitfalls D": range(28, 37), "pitfalls E": range(37, 43), "pitfalls F": range(43, 51),
            "pitfalls H": range(58, 68)}


@dataclass(frozen=True)
class Counts:
    all: int              # scenarios that show an id of any area, each counted once
    each: dict[str, int]  # area to scenarios


def areas_of(shows: str) -> set[str]:
    found = {area for area in STANDARDS if re.search(rf"\b{area}-\d", shows)}
    numbers = [int(number) for number in re.findall(r"\bpitfall-(\d+)", shows)]
    return found | {area for area, part in PITFALLS.items() for number in numbers if number in part}


def count(shown: Iterable[str]) -> Counts:
    of_each = [areas_of(shows) for shows in shown]
    each = {area: sum(area in areas for areas in of_each) for area in (*STANDARDS, *PITFALLS)}
    return Counts(sum(bool(areas) for areas in of_each), each)
