"""The world and one relay, left running for a person with swaks."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from relay import Relay
from world import World

PORT = 2525


async def run(world: World, program: Path, directory: Path) -> int:
    relay = Relay(program, world, directory / "relay", PORT)
    await relay.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    zones = ", ".join(site.zone for site in world.sites[:6])
    print(f"""The small internet is up: {len(world.sites)} zones ({zones}, …), the relay listens on 127.0.0.1:{PORT}.
Enter it from another terminal:

    nsenter -t {os.getpid()} --user --preserve-credentials --net

and there:

    swaks --server 127.0.0.1:{PORT} --from sender@origin.test --to someone@dane-ee.test
    {program} --config {relay.config_file} explain --connect dane-wrong-key.test
    {program} --config {relay.config_file} queue list
    dig +dnssec @192.0.2.55 MX dane-ee.test
    tail -f {relay.log_file}

Ctrl-C ends it.""", flush=True)
    try:
        await stop.wait()
    finally:
        await relay.stop()
    return 0
