"""A name server as a provider runs one for its customers: asked recursively, it fetches the answer from whoever has it.
Two of them: one that hands everything on, and one that takes the DNSSEC records out.
"""

from __future__ import annotations

import asyncio
import enum
from typing import Iterable, Optional

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

DNSSEC_TYPES = (dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3, dns.rdatatype.DS)
PATIENCE = 3


class Manners(enum.Enum):
    HONEST = "hands on what it gets"
    # The root's keys still come with their signature, as from a cache that was filled in better days: so the relay
    # starts, and it is for the self-test to notice.
    STRIPPING = "takes the DNSSEC records out of all answers but that about the root's keys"


class Upstream:
    def __init__(self, address: str, manners: Manners, root: str, tld: str, leaves: str, zones: Iterable[str]) -> None:
        self._address = address
        self._manners = manners
        self._root, self._tld, self._leaves = root, tld, leaves
        self._zones = [dns.name.from_text(zone) for zone in zones]
        self._transport: Optional[asyncio.DatagramTransport] = None
        self._tcp: Optional[asyncio.AbstractServer] = None
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Inbound(self),
                                                                 local_addr=(self._address, 53))
        self._tcp = await asyncio.start_server(self._serve_tcp, self._address, 53)

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in self._pending:
            task.cancel()

    def take(self, wire: bytes, peer: tuple[str, int]) -> None:
        task = asyncio.create_task(self._serve_udp(wire, peer))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _serve_udp(self, wire: bytes, peer: tuple[str, int]) -> None:
        response = await self._answer(wire)
        if response is None or self._transport is None:
            return
        try:
            packet = response.to_wire(max_size=1232)
        except dns.exception.TooBig:
            response.answer, response.authority, response.additional = [], [], []
            response.flags |= dns.flags.TC
            packet = response.to_wire()
        self._transport.sendto(packet, peer)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                response = await self._answer(await reader.readexactly(length))
                if response is not None:
                    packet = response.to_wire()
                    writer.write(len(packet).to_bytes(2, "big") + packet)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, wire: bytes) -> Optional[dns.message.Message]:
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
            server = self._server_for(question)
            response = await dns.asyncquery.tcp(query, server, timeout=PATIENCE)
        except (dns.exception.DNSException, OSError, IndexError, EOFError):
            return None
        response.flags |= dns.flags.RA
        response.flags &= ~dns.flags.AA
        about_root_keys = question.name == dns.name.root and question.rdtype == dns.rdatatype.DNSKEY
        if self._manners is Manners.STRIPPING and not about_root_keys:
            for section in (response.answer, response.authority, response.additional):
                section[:] = [rrset for rrset in section if rrset.rdtype not in DNSSEC_TYPES]
            response.use_edns(False)
        return response

    def _server_for(self, question: dns.rrset.RRset) -> str:
        """Whoever has the answer. About a zone's DS that is the zone above."""
        name = question.name
        if question.rdtype == dns.rdatatype.DS and name != dns.name.root:
            name = name.parent()
        if any(name.is_subdomain(zone) for zone in self._zones):
            return self._leaves
        return self._tld if name.is_subdomain(dns.name.from_text("test")) else self._root


class _Inbound(asyncio.DatagramProtocol):
    def __init__(self, server: Upstream) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.take(data, addr)
