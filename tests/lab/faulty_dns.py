"""A DNS server that fails on demand: it stands before the real one and relays, except for what it was told to spoil.

It also remembers every query, so that a scenario can show what was never asked.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Optional

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from pulse import Pulse
from sites import Fault

Question = tuple[str, str]  # lower-case name without the final dot, type


class FaultyDns:
    def __init__(self, address: str, upstream: str, pulse: Pulse) -> None:
        self._address = address
        self._upstream = upstream
        self._pulse = pulse
        self._faults: dict[Question, Fault] = {}
        self._overrides: dict[Question, list[dns.rrset.RRset]] = {}
        self._denials: dict[Question, list[dns.rrset.RRset]] = {}
        self._udp: Optional[asyncio.DatagramTransport] = None
        self._tcp: Optional[asyncio.AbstractServer] = None
        self._pending: set[asyncio.Task[None]] = set()
        self.queries: list[Question] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Inbound(self), local_addr=(self._address, 53))
        self._tcp = await asyncio.start_server(self._serve_tcp, self._address, 53)

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._pending:
            task.cancel()

    def fail(self, name: str, kind: str, fault: Optional[Fault]) -> None:
        """From now on answers this question with `fault`; None: truly again."""
        if fault is None:
            self._faults.pop((name.lower(), kind), None)
        else:
            self._faults[(name.lower(), kind)] = fault

    def answer(self, name: str, kind: str, *rdata: str) -> None:
        """From now on answers this question with these records (TTL 1), or with their absence. Unsigned zones only."""
        self.answer_with(name, kind, *([dns.rrset.from_text(f"{name}.", 1, "IN", kind, *rdata)] if rdata else []))

    def answer_with(self, name: str, kind: str, *answer: dns.rrset.RRset) -> None:
        """From now on answers this question with just these, signatures included."""
        self._overrides[(name.lower(), kind)] = list(answer)

    def deny_with(self, name: str, kind: str, *authority: dns.rrset.RRset) -> None:
        """From now on says that there is no such record, with this proof."""
        self._denials[(name.lower(), kind)] = list(authority)

    def asked(self, name: str, kind: str) -> int:
        return self.queries.count((name.lower(), kind))

    def take(self, wire: bytes, peer: tuple[str, int]) -> None:
        task = asyncio.create_task(self._serve_udp(wire, peer))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _serve_udp(self, wire: bytes, peer: tuple[str, int]) -> None:
        reply = await self._reply(wire, over_tcp=False)
        if reply is not None and self._udp is not None:
            self._udp.sendto(reply, peer)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                reply = await self._reply(await reader.readexactly(length), over_tcp=True)
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _reply(self, wire: bytes, over_tcp: bool) -> Optional[bytes]:
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return None
        name = question.name.to_text(omit_final_dot=True).lower()
        key = (name, dns.rdatatype.to_text(question.rdtype))
        self.queries.append(key)
        self._pulse.beat()
        fault = self._faults.get(key)
        if fault is Fault.SILENCE:
            return None
        if fault is not None:
            return self._made_up(query, dns.rcode.SERVFAIL if fault is Fault.SERVFAIL else dns.rcode.REFUSED)
        if key in self._overrides or key in self._denials:
            return self._made_up(query, dns.rcode.NOERROR, self._overrides.get(key), self._denials.get(key))
        return await (self._relay_tcp(wire) if over_tcp else self._relay_udp(wire))

    @staticmethod
    def _made_up(query: dns.message.Message, rcode: dns.rcode.Rcode,
                 answer: Optional[list[dns.rrset.RRset]] = None,
                 authority: Optional[list[dns.rrset.RRset]] = None) -> bytes:
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        response.flags |= dns.flags.AA
        response.answer = answer or []
        response.authority = authority or []
        return response.to_wire()

    async def _relay_udp(self, wire: bytes) -> Optional[bytes]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Outbound(done), remote_addr=(self._upstream, 53))
        try:
            transport.sendto(wire)
            return await asyncio.wait_for(done, 3)
        except (asyncio.TimeoutError, OSError):
            return None
        finally:
            transport.close()

    async def _relay_tcp(self, wire: bytes) -> Optional[bytes]:
        reader, writer = await asyncio.open_connection(self._upstream, 53)
        try:
            writer.write(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()


class _Inbound(asyncio.DatagramProtocol):
    def __init__(self, server: FaultyDns) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.take(data, addr)


class _Outbound(asyncio.DatagramProtocol):
    def __init__(self, done: asyncio.Future[bytes]) -> None:
        self._done = done

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._done.done():
            self._done.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exc)
