"""What a server needs to offer STARTTLS."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(pem: Path) -> None:
    """A key and a certificate of its own, in one file."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=load.example", "-days", "30", "-keyout", str(pem), "-out", f"{pem}.crt"],
                   check=True, capture_output=True)
    with pem.open("ab") as file:
        file.write(Path(f"{pem}.crt").read_bytes())
