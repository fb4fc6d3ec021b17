"""Certificates made by openssl at run time: what a listener shows, and what clients show it."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
DAYS = ("-days", "30")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def self_signed(directory: Path, name: str) -> Pair:
    """For a server; or an authority, since it may sign."""
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    _openssl("req", "-x509", *CURVE, *DAYS, "-subj", f"/CN={name}", "-keyout", str(pair.key), "-out",
             str(pair.certificate))
    return pair


def issue(authority: Pair, directory: Path, name: str, common_name: str, alternative_names: str = "") -> Pair:
    """For a client; `alternative_names` as openssl writes them: "email:a@b.example,DNS:c.example"."""
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    request, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
    lines = ["extendedKeyUsage = clientAuth", "basicConstraints = CA:FALSE"]
    if alternative_names:
        lines.append(f"subjectAltName = {alternative_names}")
    extensions.write_text("\n".join(lines) + "\n")
    _openssl("req", "-new", *CURVE, "-subj", f"/CN={common_name}", "-keyout", str(pair.key), "-out", str(request))
    _openssl("x509", "-req", *DAYS, "-in", str(request), "-CA", str(authority.certificate), "-CAkey",
             str(authority.key), "-CAcreateserial", "-extfile", str(extensions), "-out", str(pair.certificate))
    return pair


def client_context(shown: Pair | None = None) -> ssl.SSLContext:
    """Any server's certificate will do; `shown` is our own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


def password_hash(password: str) -> str:
    """For the users file."""
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True, check=True,
                          capture_output=True)
    return done.stdout.strip()
