"""Fills a spool, starts Fulmar on it, and says when it greeted and how much memory it had then."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path("build/release")
sys.path.insert(0, "bench/relay")

from certificate import make_certificate  # noqa: E402
import children  # noqa: E402
from fulmar import Fulmar  # noqa: E402


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise children.RunFailed("the program is gone")


def measure(directory: Path, messages: int) -> None:
    (directory / "state").mkdir()
    began = time.monotonic()
    if messages:
        subprocess.run([str(BUILD / "bench/start/spool_fill"), str(directory / "state"), str(messages)], check=True)
    filled = time.monotonic() - began
    size = sum(file.stat().st_size for file in (directory / "state").rglob("*") if file.is_file())
    make_certificate(directory / "pem")
    server = Fulmar(directory, BUILD / "mta/fulmar", directory / "pem")
    began = time.monotonic()
    server.start()
    greeted = time.monotonic() - began
    peak = resident_mb(server.process.pid)
    server.stop()
    print(f"| {messages:,} | {size / 1e6:,.0f} | {filled:.1f} | {greeted:.2f} | {peak:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    chosen = parser.parse_args()
    print("| waiting messages | spool MB | filled in s | greets after s | peak MB |\n|---|---|---|---|---|")
    for messages in (0, chosen.messages):
        with tempfile.TemporaryDirectory(dir=chosen.directory, prefix="fulmar-start-") as directory:
            measure(Path(directory), messages)


if __name__ == "__main__":
    main()
