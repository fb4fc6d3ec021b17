"""The certificate authority: which certificate an SMTP or policy host presents, good or with a defect on demand.

Two roots: the lab root, which the relay trusts (tls.ca_file), and a private one that nobody trusts, for DANE-TA.
"""

from __future__ import annotations

import datetime
import enum
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Issuer(enum.Enum):
    LAB = "lab"          # the root in tls.ca_file
    PRIVATE = "private"  # a root nobody trusts; sent along in the handshake
    ITSELF = "itself"    # self-signed


@dataclass(frozen=True)
class Cert:
    """What certificate to present. `names` empty: the host's own name."""

    issuer: Issuer = Issuer.LAB
    names: tuple[str, ...] = ()
    common_name_only: bool = False  # a subject CN and no SAN at all
    expired: bool = False


GOOD = Cert()
SELF_SIGNED = Cert(issuer=Issuer.ITSELF)
EXPIRED = Cert(expired=True)
WRONG_NAME = Cert(names=("somewhere-else.test",))
CN_ONLY = Cert(common_name_only=True)
PRIVATE = Cert(issuer=Issuer.PRIVATE)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the chain sent after it."""

    leaf: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    def tlsa(self, text: str) -> str:
        """TLSA rdata for "3 1 1", from the leaf (usages 1, 3) or the issuer (0, 2). "3 1 1 wrong" matches nothing,
        "3 1 1 short" has too few octets."""
        usage, selector, matching, *defect = text.split()
        certificate = self.leaf if usage in ("1", "3") else self.issuer
        if selector == "1":
            data = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                         serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            data = certificate.public_bytes(serialization.Encoding.DER)
        if "wrong" in defect:
            data = b"another key altogether"
        digest = {"1": hashlib.sha256, "2": hashlib.sha512}.get(matching)
        association = digest(data).digest() if digest else data
        if "short" in defect:
            association = association[:3]
        return f"{usage} {selector} {matching} {association.hex()}"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _root(common_name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.utcnow()
    usage = x509.KeyUsage(digital_signature=False, content_commitment=False, key_encipherment=False,
                          data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                          encipher_only=False, decipher_only=False)
    certificate = (x509.CertificateBuilder()
                   .subject_name(_name(common_name)).issuer_name(_name(common_name))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - 30 * DAY).not_valid_after(now + 365 * DAY)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                   .add_extension(usage, critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                   .sign(key, hashes.SHA256()))
    return certificate, key


class Authority:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._roots = {Issuer.LAB: _root("Fulmar Lab Root"), Issuer.PRIVATE: _root("Private Root Nobody Trusts")}
        self._count = 0
        self.ca_file = directory / "lab-ca.pem"
        self.ca_file.write_bytes(self._roots[Issuer.LAB][0].public_bytes(serialization.Encoding.PEM))

    def issue(self, spec: Cert, host: str) -> Issued:
        names = spec.names or (host,)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        if spec.issuer is Issuer.ITSELF:
            issuer_certificate, issuer_name, signing_key = None, subject, key
        else:
            issuer_certificate, signing_key = self._roots[spec.issuer]
            issuer_name = issuer_certificate.subject
        now = datetime.datetime.utcnow()
        until = now - DAY if spec.expired else now + 90 * DAY
        builder = (x509.CertificateBuilder()
                   .subject_name(subject).issuer_name(issuer_name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - 20 * DAY).not_valid_after(until)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False))
        if not spec.common_name_only:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),
                                            critical=False)
        leaf = builder.sign(signing_key, hashes.SHA256())
        chain = (issuer_certificate,) if spec.issuer is Issuer.PRIVATE and issuer_certificate else ()
        return Issued(leaf, key, issuer_certificate or leaf, chain)

    def server_context(self, issued: Issued) -> ssl.SSLContext:
        """A TLS server context that presents `issued`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem_file(issued))
        return context

    def pem_file(self, issued: Issued) -> Path:
        """A file with key, certificate and chain."""
        self._count += 1
        path = self._directory / f"cert-{self._count}.pem"
        pem = issued.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption())
        for certificate in (issued.leaf, *issued.chain):
            pem += certificate.public_bytes(serialization.Encoding.PEM)
        path.write_bytes(pem)
        return path
