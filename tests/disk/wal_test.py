#!/usr/bin/python3
"""Which records damage to a log file takes along."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from wal import BLOCK, FIRST, FULL, HEADER, LAST, destroyed, records  # noqa: E402


def fragment(kind: int, payload: bytes) -> bytes:
    return HEADER.pack(0, len(payload), kind) + payload


LONG = BLOCK - 2 * HEADER.size - 1      # fills the first block behind a record of one octet
# A record "a", a record of x that ends in the second block, and "b" and "c" behind it; "d" in a third block.
FILE = (fragment(FULL, b"a") + fragment(FIRST, b"x" * LONG) + fragment(LAST, b"x") + fragment(FULL, b"b")
        + fragment(FULL, b"c" * (BLOCK - 3 * HEADER.size - 2)) + fragment(FULL, b"d"))


class Logs(unittest.TestCase):
    def test_records_are_put_together(self) -> None:
        self.assertEqual([set(b"".join(fragment.payload for fragment in record)) for record in records(FILE)],
                         [set(b"a"), set(b"x"), set(b"b"), set(b"c"), set(b"d")])

    def test_damage_takes_the_rest_of_its_block(self) -> None:
        for at, lost in ((HEADER.size, b"ax"), (100, b"x"), (BLOCK + HEADER.size, b"xbc"),
                         (BLOCK + 2 * HEADER.size + 1, b"bc"), (len(FILE) - 1, b"d")):
            self.assertEqual(set(destroyed(FILE, at)), set(lost), at)


if __name__ == "__main__":
    unittest.main()
