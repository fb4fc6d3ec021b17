"""The disk in trouble: tests/disk/faults.c, built and switched."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
# What RocksDB writes under its final name. Other files are renamed once they are synced.
IN_PLACE = ("*.log", "*.sst", "MANIFEST-*")


def build(directory: Path) -> Path:
    library = directory / "faults.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(SOURCE), "-ldl"],
                   check=True)
    return library


class Faults:
    def __init__(self, library: Path, folder: Path, switches: Path) -> None:
        """Of files below `folder`."""
        switches.mkdir()
        self._folder = folder
        self._switches = switches
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_FOLDER": f"{folder}/", "FAULTS_SWITCHES": str(switches)}

    def fail_all(self) -> None:
        (self._switches / "fail").touch()

    def fail_syncs(self) -> None:
        (self._switches / "fail-syncs").touch()

    def slow_down(self, milliseconds: int) -> None:
        # Under its name at once and whole.
        new = self._switches / "slow.new"
        new.write_text(str(milliseconds))
        new.rename(self._switches / "slow")

    def heal(self) -> None:
        for name in ("fail", "fail-syncs", "slow"):
            (self._switches / name).unlink(missing_ok=True)

    def syncs(self) -> int:
        """That succeeded until now."""
        return len(self._lines())

    def cut_power(self) -> int:
        """Leaves of each file what was synced of it; the octets that are gone."""
        durable = {path: int(size) for size, _, path in (line.partition(" ") for line in self._lines())}
        dropped = 0
        for path in (path for pattern in IN_PLACE for path in self._folder.rglob(pattern)):
            size, kept = path.stat().st_size, durable.get(str(path), 0)
            if size > kept:
                dropped += size - kept
                with path.open("r+b") as file:
                    file.truncate(kept)
        return dropped

    def _lines(self) -> list[str]:
        side = self._switches / "synced"
        return side.read_text().splitlines() if side.exists() else []
