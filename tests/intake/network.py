"""The network of the test: a namespace of its own, where only loopback is, and clients have any address of 127/8."""

from __future__ import annotations

import logging
import resource
import subprocess
from pathlib import Path


def bring_up() -> None:
    # asyncio warns of every connection that ends after start_tls, which here is most of them.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    links = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    if any(link != "lo" for link in links):
        raise SystemExit("This is not a network namespace of its own. Run it by scripts/in-namespace.")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def raise_descriptors() -> int:
    """As many as this process and its children may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def crowd_address(number: int) -> str:
    """One of 60,000 addresses for clients that are not to share limits with others."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def unread_octets(server: tuple[str, int], client: tuple[str, int]) -> int:
    """How many octets the server's side of a connection has not read yet; from the kernel's table."""
    wanted = f"{_hex(server)} {_hex(client)} "
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if f"{fields[1]} {fields[2]} " == wanted:
                return int(fields[4].partition(":")[2], 16)
    return 0        # it is closed


def _hex(address: tuple[str, int]) -> str:
    octets = [int(part) for part in address[0].split(".")]
    return "".join(f"{octet:02X}" for octet in reversed(octets)) + f":{address[1]:04X}"
