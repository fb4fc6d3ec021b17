"""Behind a load balancer: the PROXY protocol, version 2, from those who may speak it.

The balancer is 127.0.0.9; it and nobody else may say who the client is. 192.0.2.0/24 and 2001:db8::/32 may relay.
"""

from __future__ import annotations

import ipaddress
import struct

import certificates
from case import Case, check, equal
from client import Client
from trial import Trial, text

BALANCER, OTHER = "127.0.0.9", "127.0.0.10"
BEHIND = {"proxy_networks": [f"{BALANCER}/32"], "relay_networks": ["192.0.2.0/24", "2001:db8::/32"]}
LISTENERS = {"relay": BEHIND, "implicit": BEHIND | {"tls": "implicit"},
             "local": BEHIND | {"relay_networks": [f"{BALANCER}/32"]}}
FRIEND, STRANGER, FRIEND6 = "192.0.2.7", "198.51.100.7", "2001:db8::7"
RECIPIENT = "reader@target.example"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
UNSPECIFIED, TCP4, TCP6, UDP4, UNIX = 0x00, 0x11, 0x21, 0x12, 0x31


def header(block: bytes, command: int = PROXY, family: int = TCP4) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


def addresses(source: str) -> bytes:
    target = "203.0.113.1" if "." in source else "2001:db8::1"
    return b"".join(ipaddress.ip_address(one).packed for one in (source, target)) + struct.pack("!HH", 40_000, 25)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def proxied(source: str) -> bytes:
    return header(addresses(source), family=TCP4 if "." in source else TCP6)


async def _connect(trial: Trial, first: bytes, listener: str = "relay", source: str = BALANCER,
                   greeted: bool = True) -> Client:
    tls = certificates.client_context() if listener == "implicit" else None
    return await Client.connect(trial.ports[listener], source=source, tls=tls, first=first, greeted=greeted)


async def client_address(trial: Trial) -> None:
    """It decides about relaying, and stands in Received and the log."""
    for listener in ("relay", "implicit"):
        for source in (FRIEND, FRIEND6):
            sender = trial.name()
            async with await _connect(trial, proxied(source), listener) as client:
                await client.hello()
                await client.send(sender, RECIPIENT, text("from afar"))
                await client.quit()
            received = (await trial.arrived(sender)).received.decode()
            named = f"[{source}]" if "." in source else f"[IPv6:{source}]"
            check(named in received, f"Received does not name {named}: {received}")
            check(BALANCER not in received, f"Received names the balancer: {received}")
            await trial.program.said(rf"client=\S*\[{source}\], from=<{sender}>", 20)
        async with await _connect(trial, proxied(STRANGER), listener) as client:
            await client.hello()
            await client.envelope("a@origin.example")
            await client.ask_for(f"RCPT TO:<{RECIPIENT}>", "550 5.7.1")


async def forms(trial: Trial) -> None:
    """All that a balancer may say: octet by octet, with TLVs, of the mapped form."""
    mapped = ipaddress.ip_address(f"::ffff:{FRIEND}").packed + ipaddress.ip_address("2001:db8::1").packed
    good = proxied(FRIEND)
    for pieces in ((good,), tuple(good[at:at + 1] for at in range(len(good))), (good[:12], good[12:]),
                   (header(addresses(FRIEND) + tlv(0x04, b"\0" * 100) + tlv(0x02, b"mx.example")),),
                   (header(mapped + struct.pack("!HH", 1, 25), family=TCP6),)):
        async with await _connect(trial, b"", greeted=False) as client:
            await client.write_pieces(*pieces)
            await client.expect("220")
            await client.hello()
            await client.envelope("a@origin.example", RECIPIENT)
            await client.quit()


async def limits_count_the_client(trial: Trial) -> None:
    """Not the balancer: each client has its own connections."""
    crowd = [await _connect(trial, proxied(FRIEND)) for _ in range(2)]
    one_more = await _connect(trial, proxied(FRIEND), greeted=False)
    await one_more.expect("421 4.7.0")
    other = await _connect(trial, proxied("192.0.2.8"))
    for client in (*crowd, one_more, other):
        client.close()


BAD = (
    ("no header", b"EHLO client.test\r\nMAIL FROM:<a@origin.example>\r\n"),
    ("version 1", b"PROXY TCP4 192.0.2.7 203.0.113.1 40000 25\r\nEHLO x.test\r\n"),
    ("a signature that is wrong at its end", SIGNATURE[:-1] + b"\r" + proxied(FRIEND)[12:]),
    ("version 3", header(addresses(FRIEND), command=0x31)),
    ("an unknown command", header(addresses(FRIEND), command=0x22)),
    ("an unknown family", header(addresses(FRIEND), family=0x41)),
    ("UDP", header(addresses(FRIEND), family=UDP4)),
    ("a Unix socket", header(b"\0" * 216, family=UNIX)),
    ("PROXY without an address", header(b"", family=UNSPECIFIED)),
    ("a block too short for its addresses", header(addresses(FRIEND)[:-1])),
    ("IPv4 where IPv6 was said", header(addresses(FRIEND), family=TCP6)),
    ("a TLV past the end", header(addresses(FRIEND) + b"\x04\x00\xff" + b"\0" * 10)),
    ("a block without end", SIGNATURE + struct.pack("!BBH", PROXY, TCP4, 65_535) + b"\0" * 2_000),
    ("a checksum that is wrong", header(addresses(FRIEND) + tlv(0x03, b"\0\0\0\0"))),
)


async def bad_headers(trial: Trial) -> None:
    """Closed without a word, and the log says why, once in a while."""
    since = len(trial.program.lines)
    for name, first in BAD:
        for listener in ("relay", "implicit"):
            client = await Client.connect(trial.ports[listener], source=BALANCER, first=first, greeted=False)
            equal(f"what is said to {name}", await client.rest(), b"")
            client.close()
    await trial.program.said("its proxy sent no good header", 20, since)
    half = await Client.connect(trial.ports["relay"], source=BALANCER, first=proxied(FRIEND)[:20], greeted=False)
    half.writer.write_eof()
    equal("what is said to half a header", await half.rest(), b"")
    half.close()
    silent = await Client.connect(trial.ports["relay"], source=BALANCER, greeted=False)
    equal("what is said to silence", await silent.rest(), b"")
    silent.close()


async def local(trial: Trial) -> None:
    """A health check: the balancer speaks for itself."""
    for block, family in ((b"", UNSPECIFIED), (addresses(FRIEND), TCP4), (tlv(0x04, b"\0" * 5), UNSPECIFIED)):
        async with await _connect(trial, header(block, LOCAL, family)) as client:
            await client.hello()
            await client.envelope("a@origin.example")
            await client.ask_for(f"RCPT TO:<{RECIPIENT}>", "550 5.7.1")
            await client.quit()
    sender = trial.name()
    async with await _connect(trial, header(b"", LOCAL, UNSPECIFIED), "local") as client:
        await client.hello()
        await client.send(sender, RECIPIENT, text("from the balancer"))
        await client.quit()
    check(f"[{BALANCER}]".encode() in (await trial.arrived(sender)).received, "Received does not name the balancer")


async def others(trial: Trial) -> None:
    """Anybody can write such a header; only the balancer is believed."""
    async with await Client.connect(trial.ports["relay"], source=OTHER) as client:
        await client.write(proxied(FRIEND) + b"EHLO liar.test\r\n")
        heard = await client.rest()
        check(not any(line.startswith(b"250") for line in heard.split(b"\r\n")), f"a liar was heard: {heard!r}")
    async with await Client.connect(trial.ports["relay"], source=OTHER) as client:
        await client.hello()
        await client.envelope("a@origin.example")
        await client.ask_for(f"RCPT TO:<{RECIPIENT}>", "550 5.7.1")
    equal("messages", trial.sink.count, 0)


CASES = (
    Case("PROXY: the client's own address counts", "pitfall 89 SMTP-30", client_address, LISTENERS),
    Case("PROXY: every form of a good header", "PROXY", forms, LISTENERS),
    Case("PROXY: limits count the client", "pitfall 89", limits_count_the_client, LISTENERS,
         settings={"limits": {"connections_per_client": 2}}),
    Case("PROXY: bad headers and none", "PROXY", bad_headers, LISTENERS),
    Case("PROXY: LOCAL is the balancer itself", "PROXY", local, LISTENERS),
    Case("PROXY: nobody else is believed", "PROXY", others, LISTENERS),
)
