"""The name space of the lab: root, `test.` and one zone a site, signed where the site says so, served by NSD.

Which name has which record is decided here, from the sites and the addresses and certificates they were given.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Iterable, Mapping, Optional

import dns.name
import dns.rrset

from ca import Issued
from faulty_dns import FaultyDns
from nsd import Nsd
from pulse import Pulse
from sites import Host, Site
from upstream import Manners, Upstream
from zone_signing import ZoneKey, parse, sign, signature

ROOT, TLD, LEAVES, FAULTY = "192.0.2.53", "192.0.2.54", "192.0.2.55", "192.0.2.56"
HONEST_UPSTREAM, STRIPPING_UPSTREAM = "192.0.2.57", "192.0.2.58"
NOTHING_THERE_V6 = "2001:db8::1"  # ours, but nothing listens there


class Places:
    """Where each host of each site is, and what it presents; keyed by full host name."""

    def __init__(self) -> None:
        self.address: dict[str, str] = {}
        self.issued: dict[str, Issued] = {}


def _soa_data(ttl: int) -> str:
    return f"ns.lab. hostmaster.lab. 1 3600 600 86400 {ttl}"


def _soa(zone: str, ttl: int) -> list[str]:
    origin = f"{zone}." if zone else "."
    return [f"$TTL {ttl}", f"{origin} {ttl} IN SOA {_soa_data(ttl)}"]


def _host_lines(site: Site, host: Host, places: Places) -> list[str]:
    name = site.absolute(host.name)
    if host.alias is not None:
        return [f"{name}. IN CNAME {site.absolute(host.alias)}."]
    lines = []
    if host.address != "none":
        lines.append(f"{name}. IN A {host.address or places.address[name]}")
    if host.ipv6_nothing_there:
        lines.append(f"{name}. IN AAAA {NOTHING_THERE_V6}")
    owner = f"_{host.smtp.port}._tcp.{name}"
    if host.tlsa_alias is not None:
        target = site.absolute(host.tlsa_alias)
        lines.append(f"{owner}. IN CNAME {target}.")
        owner = target
    lines += [f"{owner}. IN TLSA {places.issued[name].tlsa(text)}" for text in host.tlsa]
    return lines


def _mx_lines(site: Site) -> list[str]:
    if site.mx is not None:
        return [f"{site.zone}. IN MX {preference} {target}" for preference, target in site.mx]
    return [f"{site.zone}. IN MX {host.preference} {site.absolute(host.name)}."
            for host in site.hosts if host.preference is not None]


def _policy_lines(site: Site, places: Places) -> list[str]:
    policy = site.policy
    if policy is None:
        return []
    texts = policy.txt if policy.txt is not None else (f"v=STSv1; id={policy.id};",)
    lines = [f'_mta-sts.{site.zone}. IN TXT "{text}"' for text in texts]
    name = f"mta-sts.{site.zone}"
    address = policy.address or places.address[name]
    if policy.alias is not None:
        target = site.absolute(policy.alias)
        lines.append(f"{name}. IN CNAME {target}.")
        name = target
    return [*lines, f"{name}. IN A {address}"]


def _server_of(site: Site) -> str:
    return FAULTY if site.through_proxy else LEAVES


def _site_lines(site: Site, places: Places) -> list[str]:
    lines = _soa(site.zone, site.ttl)
    lines += [f"{site.zone}. IN NS ns.{site.zone}.", f"ns.{site.zone}. IN A {_server_of(site)}"]
    for host in site.hosts:
        lines += _host_lines(site, host, places)
    return [*lines, *_mx_lines(site), *_policy_lines(site, places), *site.records]


class DnsWorld:
    def __init__(self, directory: Path, sites: Iterable[Site], places: Places, pulse: Pulse) -> None:
        self._sites = list(sites)
        self._keys = keys = {site.zone: ZoneKey() for site in self._sites if site.signed}
        tld_key, root_key = ZoneKey(), ZoneKey()
        leaves = {site.zone: self._leaf(site, places, keys.get(site.zone)) for site in self._sites}
        test_zone = parse("test", self._tld_lines(keys))
        sign(test_zone, tld_key)
        root_zone = parse("", self._root_lines(tld_key))
        sign(root_zone, root_key)
        self._servers = [Nsd(directory, "root", ROOT, {"": root_zone.to_text()}),
                         Nsd(directory, "tld", TLD, {"test": test_zone.to_text()}),
                         Nsd(directory, "leaves", LEAVES, leaves)]
        self.faulty = FaultyDns(FAULTY, LEAVES, pulse)
        zones = [site.zone for site in self._sites]
        self._upstreams = [Upstream(HONEST_UPSTREAM, Manners.HONEST, ROOT, TLD, LEAVES, zones),
                           Upstream(STRIPPING_UPSTREAM, Manners.STRIPPING, ROOT, TLD, LEAVES, zones)]
        self._arm_faults()
        self.trust_anchor = directory / "root.key"
        self.trust_anchor.write_text(f". 86400 IN DNSKEY {root_key.dnskey.to_text()}\n")
        self.root_hints = directory / "root.hints"
        self.root_hints.write_text(f". 86400 IN NS ns.lab.\nns.lab. 86400 IN A {ROOT}\n")

    @staticmethod
    def _leaf(site: Site, places: Places, key: Optional[ZoneKey]) -> str:
        zone = parse(site.zone, _site_lines(site, places))
        if key is not None:
            sign(zone, key, [(site.absolute(name), kind) for name, kind in site.expired])
        return zone.to_text()

    def _tld_lines(self, keys: Mapping[str, ZoneKey]) -> list[str]:
        lines = [*_soa("test", 3600), "test. IN NS ns.test.", f"ns.test. IN A {TLD}"]
        for site in self._sites:
            lines += [f"{site.zone}. IN NS ns.{site.zone}.", f"ns.{site.zone}. IN A {_server_of(site)}"]
            if site.zone in keys:
                lines.append(f"{site.zone}. IN DS {keys[site.zone].ds(site.zone)}")
        return lines

    @staticmethod
    def _root_lines(tld_key: ZoneKey) -> list[str]:
        return [*_soa("", 3600), ". IN NS ns.lab.", f"ns.lab. IN A {ROOT}", "test. IN NS ns.test.",
                f"ns.test. IN A {TLD}", f"test. IN DS {tld_key.ds('test')}"]

    def _arm_faults(self) -> None:
        for site in self._sites:
            for (name, kind), fault in site.faults.items():
                self.faulty.fail(site.absolute(name), kind, fault)

    def replace(self, site: Site, name: str, kind: str, *rdata: str) -> None:
        """From now on the zone, which is signed and watched, has these records of that name and type instead."""
        self.faulty.answer_with(site.absolute(name), kind, *self._signed(site, f"{site.absolute(name)}.", kind, *rdata))

    def remove(self, site: Site, name: str, kind: str) -> None:
        """From now on the zone, which is signed and watched, proves that the name, which has no other records, has
        none of that type."""
        owner = f"{site.absolute(name)}."
        self.faulty.deny_with(site.absolute(name), kind,
                              *self._signed(site, f"{site.zone}.", "SOA", _soa_data(site.ttl)),
                              *self._signed(site, owner, "NSEC", f"\\000.{owner} RRSIG NSEC"))

    def _signed(self, site: Site, owner: str, kind: str, *rdata: str) -> tuple[dns.rrset.RRset, dns.rrset.RRset]:
        """The records, and their signature."""
        records = dns.rrset.from_text(owner, site.ttl, "IN", kind, *rdata)
        made = signature(records.name, records, self._keys[site.zone], dns.name.from_text(site.zone))
        return records, dns.rrset.from_rdata(records.name, site.ttl, made)

    async def start(self) -> None:
        await asyncio.gather(*(server.start() for server in (*self._servers, *self._upstreams)), self.faulty.start())

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in (*self._servers, *self._upstreams)), self.faulty.stop())
