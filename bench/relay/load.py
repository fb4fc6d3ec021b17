"""The two ends of the work: smtp_source and smtp_sink of bench/load."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Optional

import children
from scenarios import Scenario

SINK = "127.0.0.3:2526"
START_SECONDS = 10


def send(tools: Path, server: str, scenario: Scenario, limit: int) -> dict[str, Any]:
    """Sends all of the scenario's mail; what the source saw."""
    command = [str(tools / "smtp_source"), server, "--clients", str(scenario.clients), "--messages",
               str(scenario.messages), "--size", str(scenario.size), "--domains", str(scenario.domains),
               "--seconds", str(limit)]
    done = subprocess.run(command + (["--tls"] if scenario.tls else []), capture_output=True, timeout=limit + 30)
    if done.returncode != 0:
        raise children.RunFailed(done.stderr.decode().strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


class Sink:
    def __init__(self, tools: Path, scenario: Scenario, pem: Path) -> None:
        command = [str(tools / "smtp_sink"), SINK, "--expect", str(scenario.messages)]
        if scenario.tls:
            command += ["--tls", str(pem)]
        elif scenario.sink_delay_ms:
            command += ["--delay", str(scenario.sink_delay_ms)]
        if scenario.sink_chunking:
            command.append("--chunking")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        children.read_line(self._process, START_SECONDS)
        self._report: Optional[dict[str, Any]] = None

    def wait_complete(self, seconds: float) -> None:
        """Until every message was seen."""
        try:
            children.read_line(self._process, seconds)
        except children.RunFailed as failure:
            raise children.RunFailed(f"{failure}; the sink saw {self.report()}") from failure

    def report(self) -> dict[str, Any]:
        """Ends the sink; what it saw."""
        if self._report is None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            text = self._process.stdout.read().decode()
            self._report = json.loads(text.splitlines()[-1])
            self._process.wait(children.PATIENCE_SECONDS)
        assert self._report is not None
        return self._report

    def stop(self) -> None:
        children.stop(self._process)
