"""What a ClientHello offers, read from the octets of a connection."""

from __future__ import annotations

from typing import Optional

SUPPORTED_GROUPS = 10  # RFC 8446 §4.2


def offered_groups(octets: bytes) -> Optional[list[int]]:
    """The groups in supported_groups; None while the record is not whole."""
    size = 5 + int.from_bytes(octets[3:5], "big")
    if len(octets) < 5 or len(octets) < size:
        return None
    rest = octets[5 + 4 + 2 + 32:size]      # behind record and message header, version and random
    rest = rest[1 + rest[0]:]                                    # session id
    rest = rest[2 + int.from_bytes(rest[:2], "big"):]            # cipher suites
    rest = rest[1 + rest[0] + 2:]                                # compression methods, length of the extensions
    while len(rest) >= 4:
        kind, length = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if kind == SUPPORTED_GROUPS:
            groups = rest[6:4 + length]
            return [int.from_bytes(groups[i:i + 2], "big") for i in range(0, len(groups), 2)]
        rest = rest[4 + length:]
    return []
