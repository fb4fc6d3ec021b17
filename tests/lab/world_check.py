"""The lab against itself, without the relay: does every name validate as its site says, does every host answer?

So that a failing scenario can be laid at the right door. libunbound is asked directly, as the relay does.
"""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import enum
import ssl
from typing import Optional

import dns.rdatatype

from sites import Site, StartTls
from world import World


class _Result(ctypes.Structure):
    _fields_ = [("qname", ctypes.c_char_p), ("qtype", ctypes.c_int), ("qclass", ctypes.c_int),
                ("data", ctypes.POINTER(ctypes.c_char_p)), ("len", ctypes.POINTER(ctypes.c_int)),
                ("canonname", ctypes.c_char_p), ("rcode", ctypes.c_int), ("answer_packet", ctypes.c_void_p),
                ("answer_len", ctypes.c_int), ("havedata", ctypes.c_int), ("nxdomain", ctypes.c_int),
                ("secure", ctypes.c_int), ("bogus", ctypes.c_int), ("why_bogus", ctypes.c_char_p)]


class State(enum.Enum):
    SECURE = "secure"
    INSECURE = "insecure"
    FAILED = "failed"


class Validator:
    """libunbound with the lab's root and trust anchor."""

    def __init__(self, world: World) -> None:
        name = ctypes.util.find_library("unbound") or "libunbound.so.8"
        self._library = ctypes.CDLL(name)
        self._library.ub_ctx_create.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.ub_ctx_create())
        self._library.ub_ctx_set_option(self._context, b"root-hints:", str(world.dns.root_hints).encode())
        self._library.ub_ctx_add_ta_file(self._context, str(world.dns.trust_anchor).encode())
        self._library.ub_ctx_zone_remove(self._context, b"test.")

    def ask(self, name: str, kind: str) -> tuple[State, int]:
        """How the answer validates, and how many records it has."""
        result = ctypes.POINTER(_Result)()
        error = self._library.ub_resolve(self._context, f"{name}.".encode(), int(dns.rdatatype.from_text(kind)), 1,
                                         ctypes.byref(result))
        if error:
            return State.FAILED, 0
        answer = result.contents
        count = 0
        while answer.data and answer.data[count]:
            count += 1
        if answer.bogus or answer.rcode not in (0, 3):
            state = State.FAILED
        else:
            state = State.SECURE if answer.secure else State.INSECURE
        self._library.ub_resolve_free(result)
        return state, count


def _wanted(site: Site, name: str, kind: str) -> State:
    if (name, kind) in site.expired or (name, kind) in site.faults:
        return State.FAILED
    return State.SECURE if site.signed else State.INSECURE


def _check_names(validator: Validator, site: Site) -> list[str]:
    questions = [("@", "MX"), *((host.name, "A") for host in site.hosts if host.alias is None),
                 *((f"_25._tcp.{host.name}", "TLSA") for host in site.hosts if host.tlsa)]
    troubles = []
    for name, kind in questions:
        absolute = site.absolute(name)
        state, _ = validator.ask(absolute, kind)
        if state is not _wanted(site, name, kind):
            troubles.append(f"{absolute} {kind}: {state.value}, should be {_wanted(site, name, kind).value}")
    return troubles


async def _check_host(world: World, site: Site, name: str) -> Optional[str]:
    """A handshake by STARTTLS, where the host is meant to allow one."""
    host = world.hosts[name]
    reader, writer = await asyncio.open_connection(host.address, 25)
    try:
        await reader.readline()
        writer.write(b"EHLO check.test\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        writer.write(b"STARTTLS\r\n")
        await reader.readline()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await writer.start_tls(context, server_hostname=name)
        return None
    except (OSError, ssl.SSLError) as error:
        return f"{name}: no TLS: {error}"
    finally:
        writer.close()


async def run(world: World) -> int:
    validator = Validator(world)
    troubles: list[str] = []
    handshakes = 0
    for site in world.sites:
        troubles += await asyncio.to_thread(_check_names, validator, site)
        for host in site.hosts:
            name = site.absolute(host.name)
            ordinary = (host.smtp.starttls is StartTls.OFFERED and not host.smtp.greeting.then
                        and host.smtp.port == 25 and not host.smtp.implicit_tls)
            if name in world.hosts and ordinary:
                handshakes += 1
                trouble = await _check_host(world, site, name)
                troubles += [trouble] if trouble else []
    print("\n".join(troubles) or f"The lab is as it should be: {len(world.sites)} zones, {handshakes} handshakes.")
    return 1 if troubles else 0
