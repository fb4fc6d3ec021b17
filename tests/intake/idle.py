"""Ten thousand clients that stay and say nothing: what each of them costs. Pitfall 89"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from typing import Callable, Iterator

import certificates
import process_facts
from case import Case, Skipped, check, equal
from network import crowd_address
from trial import Trial, text

IN_CLEAR, UNDER_TLS = 10_000, 1_000
OF_OTHERS = 4_000           # descriptors that the program keeps for the rest, and some
PER_CONNECTION_AT_MOST = 32 << 10
SECONDS = 20
LISTENERS = {"relay": {}, "implicit": {"tls": "implicit"}}
SETTINGS = {"limits": {"connections": IN_CLEAR + 2_000, "connections_per_client": 1_000}}


def _greeted(client: socket.socket) -> None:
    check(client.recv(4096).startswith(b"220"), "no greeting")
    client.sendall(b"EHLO idle.test\r\n")
    heard = b""
    while b"\n250 " not in heard:
        piece = client.recv(4096)
        check(bool(piece), f"closed amid the answer to EHLO: {heard!r}")
        heard += piece


def _connect(number: int, port: int, wrap: Callable[[socket.socket], socket.socket]) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), SECONDS, (crowd_address(number % 100), 0))
    client = wrap(client)
    _greeted(client)
    return client


@contextlib.contextmanager
def _kept(crowd: list[socket.socket]) -> Iterator[None]:
    try:
        yield
    finally:
        for client in crowd:
            client.close()


async def _cost(trial: Trial, listener: str, count: int) -> float:
    """Octets of memory for each; all are past EHLO. Whoever comes meanwhile is served."""
    context = certificates.client_context()

    def wrap(client: socket.socket) -> socket.socket:
        return context.wrap_socket(client) if listener == "implicit" else client
    async with await trial.client() as client:
        await client.send(trial.name(), "reader@target.example", text("before"))
    await trial.drained()
    before = process_facts.resident(trial.program.pid)
    crowd: list[socket.socket] = []

    def gather() -> None:
        for number in range(count):
            crowd.append(_connect(number, trial.ports[listener], wrap))
    with _kept(crowd):
        await asyncio.to_thread(gather)
        each = (process_facts.resident(trial.program.pid) - before) / count
        async with await trial.client() as client:
            await client.send(trial.name(), "reader@target.example", text("amid the crowd"))
            await client.quit()
        for one in (crowd[0], crowd[-1]):
            one.sendall(b"NOOP\r\n")
            equal("the answer to NOOP", one.recv(4096)[:3], b"250")
    await trial.drained()
    return each


def _have_descriptors(count: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + OF_OTHERS:
        raise Skipped(f"needs {count + OF_OTHERS} descriptors, may have {hard}")


async def in_clear(trial: Trial) -> None:
    _have_descriptors(IN_CLEAR)
    each = await _cost(trial, "relay", IN_CLEAR)
    trial.facts["each"] = f"{each / 1024:.1f} KiB"
    check(each < PER_CONNECTION_AT_MOST, f"each connection takes {each / 1024:.1f} KiB")


async def under_tls(trial: Trial) -> None:
    each = await _cost(trial, "implicit", UNDER_TLS)
    trial.facts["each"] = f"{each / 1024:.1f} KiB"


CASES = (
    Case("10,000 idle connections: 32 KiB each", "pitfall 89", in_clear, LISTENERS, SETTINGS, measures=True),
    Case("1,000 idle connections under TLS, for the record", "pitfall 89", under_tls, LISTENERS, SETTINGS, measures=True),
)
