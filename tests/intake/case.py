"""What a case is, and the words it fails with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Mapping

if TYPE_CHECKING:
    from trial import Trial

CASE_SECONDS = 90


class Failed(AssertionError):
    """The program did not do what it promises."""


class Skipped(Exception):
    """This machine lacks what the case needs."""


def check(holds: bool, words: str) -> None:
    if not holds:
        raise Failed(words)


def equal(what: str, got: object, wanted: object) -> None:
    check(got == wanted, f"{what}: got {_short(got)}, wanted {_short(wanted)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} ... {text[-150:]} ({len(text)} characters)"


@dataclass(frozen=True)
class Case:
    title: str
    shows: str                                  # ids, as in docs/conformance.md
    play: Callable[[Trial], Awaitable[None]]
    # By name. "<certificate>" and the like in a value are filled in by the trial.
    listeners: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"relay": {}})
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)              # name to password
    rules: tuple[Mapping[str, Any], ...] = ()                           # [[user]]
    extensions: tuple[str, ...] = ("8BITMIME", "SMTPUTF8", "DSN")       # of the sink
    expected: str = "nothing"                   # of lines of level error in the log
    seconds: float = CASE_SECONDS
    measures: bool = False                      # memory or speed, which a sanitizer changes

    def but(self, **changes: Any) -> Case:
        return dataclasses.replace(self, **changes)
