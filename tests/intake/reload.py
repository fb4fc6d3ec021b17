"""SIGHUP: a new certificate for new connections, while those that are there go on."""

from __future__ import annotations

import shutil
import ssl

import certificates
from case import Case, check, equal
from client import Client, stuffed
from trial import Trial, long_text, text

LISTENERS = {"starttls": {"tls": "starttls"}, "implicit": {"tls": "implicit"}}
RECIPIENT = "reader@target.example"


def _shown(client: Client) -> bytes:
    """The server's certificate, in DER."""
    secured: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
    return secured.getpeercert(binary_form=True) or b""


async def _check_shown(trial: Trial, wanted: bytes, when: str) -> None:
    for listener in LISTENERS:
        async with await trial.client(listener, tls=certificates.client_context()) as client:
            check(_shown(client) == wanted, f"{when}, on the {listener} listener: another certificate is shown")
            await client.send(trial.name(), RECIPIENT, text("under TLS"))
            await client.quit()


async def _hang_up(trial: Trial, pattern: str) -> None:
    """For each listener the log tells of it."""
    await trial.hang_up(*(pattern.replace("PORT", str(trial.ports[listener])) for listener in LISTENERS))


def _replace(trial: Trial, shown: certificates.Pair) -> None:
    """As certbot does it: the files are others now, under the names in the configuration."""
    served = trial.pair("server")
    for source, target in ((shown.certificate, served.certificate), (shown.key, served.key)):
        shutil.copy(source, f"{target}.new")
        target.with_name(f"{target.name}.new").rename(target)


async def new_certificate(trial: Trial) -> None:
    old, new = trial.pair("server").der, trial.pair("renewed")
    await _check_shown(trial, old, "at first")
    context = certificates.client_context()
    content = long_text(400_000)
    running = {listener: await trial.client(listener, tls=context) for listener in LISTENERS}
    for listener, client in running.items():
        await client.envelope(f"{listener}@origin.example", RECIPIENT)
        await client.ask_for("DATA", "354")
        await client.write_pieces(stuffed(content)[:200_000])
    _replace(trial, new)
    await _check_shown(trial, old, "before SIGHUP")
    await _hang_up(trial, "certificate of listener .*:PORT read again")
    await _check_shown(trial, new.der, "after SIGHUP")
    for listener, client in running.items():
        await client.write(stuffed(content)[200_000:])
        await client.expect("250 2.0.0")
        await client.send(trial.name(), RECIPIENT, text("another over the old session"))
        await client.quit()
        equal("content", (await trial.arrived(f"{listener}@origin.example")).given, content)


async def broken_certificate(trial: Trial) -> None:
    """Garbage, a key of another certificate, no file: the old one stays, and an error says why."""
    old, served = trial.pair("server").der, trial.pair("server")
    other = trial.pair("other")

    def garbage() -> None:
        served.certificate.write_text("-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n")

    def foreign_key() -> None:
        shutil.copy(other.certificate, served.certificate)

    for spoil in (garbage, foreign_key, served.certificate.unlink):
        spoil()
        await _hang_up(trial, " error .*listener .*:PORT")
        await _check_shown(trial, old, f"after {spoil.__name__}")
    _replace(trial, other)
    await _hang_up(trial, "certificate of listener .*:PORT read again")
    await _check_shown(trial, other.der, "after it was mended")


CASES = (
    Case("SIGHUP: a new certificate, and sessions amid DATA go on", "TLS reload", new_certificate, LISTENERS),
    Case("SIGHUP: a broken certificate changes nothing", "TLS reload", broken_certificate, LISTENERS,
         expected="certificate of listener"),
)
