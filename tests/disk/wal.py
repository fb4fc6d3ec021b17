"""RocksDB's log files, as far as is needed to say which records damage has destroyed.

A file is blocks of 32 KB; a record is one fragment or several, none across a block's end. Readers that skip damage drop
the rest of its block (docs/durability.md), and with it each record of which a fragment stands there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Iterator

BLOCK = 32 * 1024
HEADER = struct.Struct("<IHB")          # checksum, length, type
FULL, FIRST, MIDDLE, LAST = range(1, 5)


@dataclass(frozen=True)
class Fragment:
    at: int                             # of its header
    kind: int
    payload: bytes


def fragments(octets: bytes) -> Iterator[Fragment]:
    at = 0
    while at + HEADER.size <= len(octets):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK    # the padding at a block's end
            continue
        _, length, kind = HEADER.unpack_from(octets, at)
        if kind not in (FULL, FIRST, MIDDLE, LAST):
            return
        start = at + HEADER.size
        yield Fragment(at, kind, octets[start:start + length])
        at = start + length


def records(octets: bytes) -> Iterator[list[Fragment]]:
    """Each with its fragments. What was being written at the end is left out."""
    open_record: list[Fragment] = []
    for fragment in fragments(octets):
        if fragment.kind in (FULL, FIRST):
            open_record = []
        open_record.append(fragment)
        if fragment.kind in (FULL, LAST):
            yield open_record


def destroyed(octets: bytes, damage: int) -> bytes:
    """The content of the records that a changed octet at `damage` takes along."""
    hit = max((fragment.at for fragment in fragments(octets) if fragment.at <= damage), default=0)
    end = (damage // BLOCK + 1) * BLOCK
    return b"".join(fragment.payload for record in records(octets)
                    if any(hit <= fragment.at < end for fragment in record) for fragment in record)
