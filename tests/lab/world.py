"""The small internet: addresses on the loopback device, names, certificates, mail hosts and policy hosts.

Must run in a network namespace of its own (`unshare -rn`); refuses to touch any other.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from pathlib import Path
from typing import Iterable, Iterator, Optional

from ca import GOOD, Authority, Cert, Issued
from dns_world import DnsWorld, Places
from policy_host import PolicyHost, policy_text
from pulse import Pulse
from sites import Host, Policy, Site, Smtp
from smtp_host import SmtpHost

# On the loopback device a whole network becomes ours with one address of it.
NETWORKS = ("192.0.2.1/24", "198.51.100.1/24", "203.0.113.1/24", "198.18.0.1/24",
            "2001:db8::1/128")
MAIL_NETWORKS = (("198.51.100", 2), ("192.0.2", 100), ("198.18.0", 2))  # with the first last octet that is free
ORIGIN = Site("origin.test", hosts=(Host("mx"),), records=("relay.origin.test. IN A 192.0.2.25",))
ORIGIN_HOST = "mx.origin.test"
RELAY = "relay.origin.test"
# The names of the relay's DNSSEC self-test: what is signed, what is not, and what is signed wrongly.
SIGNED_NAME, UNSIGNED_NAME, BOGUS_NAME = RELAY, "www.unsigned.test", "www.bogus.test"
SELF_TEST = (Site("unsigned.test", signed=False, hosts=(), records=(f"{UNSIGNED_NAME}. IN A 192.0.2.25",)),
             Site("bogus.test", hosts=(), records=(f"{BOGUS_NAME}. IN A 192.0.2.25",), expired=(("www", "A"),)))


def bring_up_network() -> None:
    """Loopback up, and the documentation networks on it."""
    # asyncio warns of every connection that ends after start_tls, which here is all of them.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    links = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if any(link != "lo" for link in links):
        raise SystemExit("This is not a network namespace of its own. Run it by scripts/lab, or: unshare -rn …")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    batch = "".join(f"addr replace {network} dev lo\n" for network in NETWORKS)
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)


class World:
    def __init__(self, directory: Path, sites: Iterable[Site]) -> None:
        directory.mkdir()
        self.pulse = Pulse()
        self.sites = [ORIGIN, *SELF_TEST, *sites]
        self.hosts: dict[str, SmtpHost] = {}
        self.policy_hosts: dict[str, PolicyHost] = {}
        self._authority = Authority(directory)
        self._places = Places()
        self._mail_addresses = (f"{network}.{n}" for network, first in MAIL_NETWORKS for n in range(first, 255))
        self._web_addresses = (f"203.0.113.{n}" for n in range(2, 255))
        _check_unique(self.sites)
        for site in self.sites:
            self._settle(site)
        self.dns = DnsWorld(directory, self.sites, self._places, self.pulse)
        self.ca_file = self._authority.ca_file
        self.relay_pem = self._authority.pem_file(self._authority.issue(Host().cert, RELAY))

    @property
    def origin(self) -> SmtpHost:
        """Where notices to senders arrive."""
        return self.hosts[ORIGIN_HOST]

    def site(self, zone: str) -> Optional[Site]:
        return next((site for site in self.sites if site.zone == zone), None)

    def _settle(self, site: Site) -> None:
        for host in site.hosts:
            if host.alias is None:
                self._settle_host(site.absolute(host.name), host)
        if site.policy is not None:
            self._settle_policy(site, site.policy)

    def _settle_host(self, name: str, host: Host) -> None:
        issued = self._authority.issue(host.cert, name)
        self._places.issued[name] = issued
        if host.address is not None:
            return
        address = _next(self._mail_addresses)
        self._places.address[name] = address
        if host.listening:
            self.hosts[name] = SmtpHost(name, address, host.smtp, self._authority.server_context(issued), self.pulse)

    def _settle_policy(self, site: Site, policy: Policy) -> None:
        name = f"mta-sts.{site.zone}"
        if policy.address is not None:
            return
        address = _next(self._web_addresses)
        self._places.address[name] = address
        mx_names = tuple(site.absolute(host.name) for host in site.hosts if host.preference is not None)
        context = self._authority.server_context(self._authority.issue(policy.cert, name))
        self.policy_hosts[name] = PolicyHost(name, address, policy, policy_text(policy, mx_names), context, self.pulse)

    def extra_host(self, name: str, address: str) -> SmtpHost:
        """A well-behaved host at an address no name of the lab points to."""
        context = self._authority.server_context(self._authority.issue(Host().cert, name))
        return SmtpHost(name, address, Smtp(), context, self.pulse)

    def address_of(self, host: str) -> str:
        return self._places.address[host]

    def renew(self, host: str, spec: Cert = GOOD) -> Issued:
        """From now on the host presents another certificate, with a key of its own."""
        issued = self._authority.issue(spec, host)
        self.hosts[host].present(self._authority.server_context(issued))
        return issued

    def client_context(self) -> ssl.SSLContext:
        """For clients of the relay. They reach it by its address, so the name is not compared."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.check_hostname = False
        return context

    async def start(self) -> None:
        await asyncio.gather(self.dns.start(), *(host.start() for host in self.hosts.values()),
                             *(host.start() for host in self.policy_hosts.values()))

    async def stop(self) -> None:
        await asyncio.gather(*(host.stop() for host in self.hosts.values()),
                             *(host.stop() for host in self.policy_hosts.values()), self.dns.stop())


def _next(addresses: Iterator[str]) -> str:
    address = next(addresses, None)
    if address is None:
        raise RuntimeError("the lab has run out of addresses: add a network in world.py")
    return address


def _check_unique(sites: list[Site]) -> None:
    seen: set[str] = set()
    for site in sites:
        if site.zone in seen:
            raise RuntimeError(f"two scenarios use the zone {site.zone}")
        seen.add(site.zone)
