"""DNSSEC signing: from the records of a zone to a signed zone with its NSEC chain, and the DS for the parent.

One ECDSA P-256 key a zone (signing keys and zone alike). An RRset can be signed with dates in the past: bogus.
"""

from __future__ import annotations

import time
from typing import Iterable

import dns.dnssec
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.ANY.NSEC import NSEC

HOUR = 3600
DAY = 24 * HOUR


class ZoneKey:
    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.dnskey = dns.dnssec.make_dnskey(self.private.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256,
                                             flags=257)

    def ds(self, zone: str) -> str:
        """The rdata of the DS record that the parent of `zone` holds."""
        return dns.dnssec.make_ds(f"{zone}.", self.dnskey, "SHA256").to_text()


def parse(zone: str, lines: Iterable[str]) -> dns.zone.Zone:
    return dns.zone.from_text("\n".join(lines) + "\n", origin=f"{zone}." if zone else ".", relativize=False,
                              check_origin=False)


def sign(zone: dns.zone.Zone, key: ZoneKey, expired: Iterable[tuple[str, str]] = ()) -> None:
    """Adds DNSKEY, NSEC and RRSIG. `expired` names RRsets (absolute name without final dot, type) to sign wrongly."""
    origin = zone.origin
    assert origin is not None
    ttl = zone.find_rdataset(origin, "SOA").ttl
    zone.replace_rdataset(origin, dns.rdataset.from_rdata(ttl, key.dnskey))
    stale = {(dns.name.from_text(name), dns.rdatatype.from_text(kind)) for name, kind in expired}
    cuts = [name for name in zone.nodes if name != origin and zone.get_rdataset(name, "NS")]
    owners = sorted(name for name in zone.nodes
                    if not any(name.is_subdomain(cut) and name != cut for cut in cuts))
    for here, following in zip(owners, owners[1:] + owners[:1]):
        _add_nsec(zone, here, following, ttl)
    for name in owners:
        for rdataset in list(zone.nodes[name].rdatasets):
            if name in cuts and rdataset.rdtype not in (dns.rdatatype.DS, dns.rdatatype.NSEC):
                continue
            _add_signature(zone, name, rdataset, key, expired=(name, rdataset.rdtype) in stale)


def _add_nsec(zone: dns.zone.Zone, name: dns.name.Name, following: dns.name.Name, ttl: int) -> None:
    types = {rdataset.rdtype for rdataset in zone.nodes[name].rdatasets}
    if name != zone.origin and dns.rdatatype.NS in types:
        types &= {dns.rdatatype.NS, dns.rdatatype.DS}
    text = " ".join(dns.rdatatype.to_text(t) for t in sorted(types | {dns.rdatatype.RRSIG, dns.rdatatype.NSEC}))
    nsec = dns.rdata.from_text("IN", "NSEC", f"{following} {text}")
    assert isinstance(nsec, NSEC)
    zone.replace_rdataset(name, dns.rdataset.from_rdata(ttl, nsec))


def _add_signature(zone: dns.zone.Zone, name: dns.name.Name, rdataset: dns.rdataset.Rdataset, key: ZoneKey,
                   expired: bool) -> None:
    if rdataset.rdtype == dns.rdatatype.RRSIG:
        return
    assert zone.origin is not None
    signatures = zone.find_rdataset(name, "RRSIG", covers=rdataset.rdtype, create=True)
    signatures.add(signature(name, rdataset, key, zone.origin, expired), rdataset.ttl)


def signature(name: dns.name.Name, rdataset: dns.rdataset.Rdataset, key: ZoneKey, origin: dns.name.Name,
              expired: bool = False) -> dns.rdata.Rdata:
    """The RRSIG of one RRset of the zone `origin`."""
    now = int(time.time())
    begin, end = (now - 30 * DAY, now - 10 * DAY) if expired else (now - HOUR, now + DAY)
    return dns.dnssec.sign((name, rdataset), key.private, origin, key.dnskey, inception=begin, expiration=end)
