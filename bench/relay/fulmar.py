"""Fulmar as installed: default limits, mail log on. Only addresses, directories and the route to the sink are set."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import children
import load
from server import Server

CONFIGURATION = """\
hostname = "fulmar.example"
state_dir = "{directory}/state"

[[listen]]
address = "{address}"
tls = "starttls"
certificate = "{pem}"
private_key = "{pem}"

[resolver]
self_test_signed = ""
self_test_unsigned = ""
self_test_bogus = ""

[outbound]
allow_networks = ["127.0.0.0/8"]

[[destination]]
domain = "*"
relay = "[{sink_host}]:{sink_port}"

[control]
socket = "{directory}/control.sock"
group = ""

[log]
file = "{directory}/fulmar.log"
"""


class Fulmar(Server):
    address = "127.0.0.1:2525"

    def __init__(self, directory: Path, program: Path, pem: Path) -> None:
        super().__init__(directory)
        self._program = program
        self._pem = pem
        self._config = directory / "fulmar.toml"

    @property
    def log(self) -> Path:
        return self.directory / "fulmar.log"

    def launch(self) -> subprocess.Popen[bytes]:
        (self.directory / "state").mkdir(exist_ok=True)
        sink_host, _, sink_port = load.SINK.rpartition(":")
        self._config.write_text(CONFIGURATION.format(directory=self.directory, address=self.address, pem=self._pem,
                                                     sink_host=sink_host, sink_port=sink_port))
        with (self.directory / "stderr").open("wb") as errors:
            return subprocess.Popen([str(self._program), "serve", "--config", str(self._config)],
                                    stdin=subprocess.DEVNULL, stderr=errors)

    def retry(self) -> None:
        subprocess.run([str(self._program), "--config", str(self._config), "queue", "retry", "--all"], check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    def queued(self) -> int:
        """Messages, as `fulmar status` says."""
        done = subprocess.run([str(self._program), "--config", str(self._config), "--json", "status"], check=True,
                              stdout=subprocess.PIPE, timeout=60)
        return int(json.loads(done.stdout)["queue"]["messages"])

    def stop(self) -> None:
        children.stop(self.process)
