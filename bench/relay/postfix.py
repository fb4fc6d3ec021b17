"""Debian's Postfix in directories of its own: as the package sets it up, or tuned for this work.

Differences to the package, none of which matters for the figures: addresses and directories, a log file in place of
syslog, no chroot (its files are not in a new queue directory), no local mail, a certificate of ours.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import children
import load
from server import Server

MASTER_CF = Path("/usr/share/postfix/master.cf.dist")

# /usr/share/postfix/main.cf.debian, main.cf.tls and what the package's installation script adds.
MAIN_CF = """\
compatibility_level = 3.6
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
smtpd_tls_chain_files = {pem}
smtpd_tls_security_level = may
smtp_tls_CApath = /etc/ssl/certs
smtp_tls_security_level = may
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = postfix.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [{sink_host}]:{sink_port}
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
"""

TUNED_CF = """\
default_process_limit = 200
default_destination_concurrency_limit = {connections}
initial_destination_concurrency = {connections}
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
in_flow_delay = 0s
smtp_connection_cache_destinations = $relayhost
smtp_tls_connection_reuse = yes
"""


class Postfix(Server):
    address = "127.0.0.2:2525"

    def __init__(self, directory: Path, pem: Path, tuning: str = "") -> None:
        super().__init__(directory)
        self._pem = pem
        self._tuning = tuning
        self._etc = directory / "etc"

    @staticmethod
    def tuned(directory: Path, pem: Path, connections: int) -> Postfix:
        """`connections`: at most so many to the sink."""
        return Postfix(directory, pem, TUNED_CF.format(connections=connections))

    @property
    def log(self) -> Path:
        return self.directory / "mail.log"

    def launch(self) -> subprocess.Popen[bytes]:
        self._write_configuration()
        with (self.directory / "stderr").open("wb") as errors:
            return subprocess.Popen(self._command("start-fg"), stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def _write_configuration(self) -> None:
        for name in ("etc", "queue", "data"):
            (self.directory / name).mkdir()
        subprocess.run(["chown", "postfix:", str(self.directory / "data")], check=True)
        sink_host, _, sink_port = load.SINK.rpartition(":")
        main_cf = MAIN_CF.format(directory=self.directory, pem=self._pem, sink_host=sink_host, sink_port=sink_port)
        (self._etc / "main.cf").write_text(main_cf + self._tuning)
        (self._etc / "master.cf").write_text(self._services())

    def _services(self) -> str:
        lines = []
        for line in MASTER_CF.read_text().splitlines():
            fields = line.removeprefix("#").split()
            if line.startswith("#tlsproxy"):
                line = line.removeprefix("#")  # for smtp_tls_connection_reuse; starts on demand
            if not line or line[0] in "# " or len(fields) < 8:
                continue
            if fields[7] == "pipe":
                continue
            if fields[:2] == ["smtp", "inet"]:
                fields[0] = self.address
            fields[4] = "n"  # chroot
            lines.append(" ".join(fields))
        return "\n".join(lines) + "\n"

    def _command(self, verb: str) -> list[str]:
        return ["/usr/sbin/postfix", "-c", str(self._etc), verb]

    def retry(self) -> None:
        subprocess.run(self._command("flush"), check=True, timeout=120)

    def stop(self) -> None:
        # By the id in the pid file of this very queue directory; the one started here waits for it.
        subprocess.run(self._command("stop"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        children.stop(self.process)
