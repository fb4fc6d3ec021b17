"""Clients that others wrote: swaks, Python's smtplib, Postfix's smtp-source. What they send arrives octet by octet."""

from __future__ import annotations

import asyncio
import shutil
import smtplib
from pathlib import Path
from typing import Callable

import certificates
from case import Case, Skipped, check, equal
from trial import Trial, long_text, text

PASSWORD = "correct horse"
USER = "shop"
LISTENERS = {"relay": {}, "starttls": {"tls": "starttls"}, "implicit": {"tls": "implicit"}}
AUTH_LISTENERS = {"starttls": {"tls": "starttls", "auth": "required"},
                  "implicit": {"tls": "implicit", "auth": "required"}}
LARGE = 20_000_000
RECIPIENT = "reader@target.example"
PROGRAM_SECONDS = 60
SMTP_SOURCE = "/usr/sbin/smtp-source"


async def run_program(*arguments: str) -> tuple[int, str]:
    """Its exit status and all it said."""
    process = await asyncio.create_subprocess_exec(*arguments, stdin=asyncio.subprocess.DEVNULL,
                                                   stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        async with asyncio.timeout(PROGRAM_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")


# --- swaks

async def _swaks(trial: Trial, listener: str, content: bytes, *more: str) -> None:
    """Sends `content`, and compares it at the sink."""
    if shutil.which("swaks") is None:
        raise Skipped("swaks is not installed")
    sender = trial.name("swaks")
    file = trial.directory / f"{sender}.eml"
    file.write_bytes(content.removesuffix(b"\r\n").replace(b"\r\n", b"\n"))     # it ends the last line by itself
    status, output = await run_program(
        "swaks", "--server", "127.0.0.1", "--port", str(trial.ports[listener]), "--ehlo", "swaks.test",
        "--from", sender, "--to", RECIPIENT, "--data", f"@{file}", "--suppress-data", "--timeout", "30", *more)
    check(status == 0, f"swaks {' '.join(more)} ended with status {status}:\n{output[-1500:]}")
    equal(f"content by swaks {' '.join(more)}", (await trial.arrived(sender)).given, content)


async def _needs_swaks_tls() -> None:
    status, output = await run_program("swaks", "--support")
    if status != 0 or "*** TLS not available" in output:
        raise Skipped("swaks has no TLS here (Debian: libnet-ssleay-perl)")


async def swaks_plain(trial: Trial) -> None:
    await _swaks(trial, "relay", text("by swaks", ".", "..dots", "", "end"))
    await _swaks(trial, "relay", text("by swaks, pipelined"), "--pipeline")


async def swaks_large(trial: Trial) -> None:
    await _swaks(trial, "relay", long_text(LARGE))


async def swaks_tls(trial: Trial) -> None:
    await _needs_swaks_tls()
    await _swaks(trial, "starttls", text("by swaks"), "--tls")
    await _swaks(trial, "starttls", text("by swaks, pipelined"), "--tls", "--pipeline")
    await _swaks(trial, "implicit", text("by swaks"), "--tls-on-connect")


async def swaks_auth(trial: Trial) -> None:
    await _needs_swaks_tls()
    login = ("--auth-user", USER, "--auth-password", PASSWORD)
    for mechanism in ("PLAIN", "LOGIN"):
        await _swaks(trial, "starttls", text(f"by {mechanism}"), "--tls", "--auth", mechanism, *login)
        await _swaks(trial, "implicit", text(f"by {mechanism}"), "--tls-on-connect", "--auth", mechanism, *login)


# --- smtplib

def _smtplib(trial: Trial, listener: str) -> smtplib.SMTP:
    kind = trial.case.listeners[listener].get("tls", "none")
    context = certificates.client_context()
    port = trial.ports[listener]
    if kind == "implicit":
        return smtplib.SMTP_SSL("127.0.0.1", port, "python.test", timeout=PROGRAM_SECONDS, context=context)
    client = smtplib.SMTP("127.0.0.1", port, "python.test", timeout=PROGRAM_SECONDS)
    if kind == "starttls":
        client.starttls(context=context)
    return client


async def _by_smtplib(trial: Trial, listener: str, content: bytes, recipient: str = RECIPIENT, sent_on: str = RECIPIENT,
                      options: tuple[str, ...] = (), begin: Callable[[smtplib.SMTP], object] = lambda _: None) -> None:
    sender = trial.name("python")

    def work() -> None:
        with _smtplib(trial, listener) as client:
            begin(client)
            refused = client.sendmail(sender, [recipient], content, mail_options=options)
            check(not refused, f"refused: {refused}")
    await asyncio.to_thread(work)
    message = await trial.arrived(sender)
    equal("content", message.given, content)
    equal("recipients", message.addresses, [sent_on])


async def smtplib_plain(trial: Trial) -> None:
    for listener in LISTENERS:
        await _by_smtplib(trial, listener, text("by smtplib", ".", "..dots", "", "end"))
    await _by_smtplib(trial, "relay", long_text(LARGE))
    await _by_smtplib(trial, "implicit", long_text(LARGE))


async def smtplib_eight_bit(trial: Trial) -> None:
    content = text("eight bits", "Grüße, Żółw, 日本語.")
    await _by_smtplib(trial, "relay", content, options=("BODY=8BITMIME",))


async def smtplib_utf8(trial: Trial) -> None:
    content = text("Grüße an Jürgen", "日本語")
    await _by_smtplib(trial, "starttls", content, "jürgen@ツ.example", "jürgen@xn--bdk.example",
                      ("SMTPUTF8", "BODY=8BITMIME"))


async def smtplib_auth(trial: Trial) -> None:
    def ready(client: smtplib.SMTP) -> smtplib.SMTP:
        client.ehlo()
        client.user, client.password = USER, PASSWORD
        return client

    def plain(client: smtplib.SMTP) -> None:
        equal("AUTH PLAIN", ready(client).auth("PLAIN", client.auth_plain)[0], 235)

    def login(client: smtplib.SMTP) -> None:
        equal("AUTH LOGIN", ready(client).auth("LOGIN", client.auth_login)[0], 235)

    def login_in_steps(client: smtplib.SMTP) -> None:
        equal("AUTH LOGIN", ready(client).auth("LOGIN", client.auth_login, initial_response_ok=False)[0], 235)
    for begin in (plain, login, login_in_steps):
        for listener in AUTH_LISTENERS:
            await _by_smtplib(trial, listener, text(begin.__name__), begin=begin)


# --- Postfix

async def _smtp_source(trial: Trial, *arguments: str) -> None:
    if not Path(SMTP_SOURCE).exists():
        raise Skipped("smtp-source is not installed (Debian: postfix)")
    status, output = await run_program(SMTP_SOURCE, *arguments, f"127.0.0.1:{trial.ports['relay']}")
    check(status == 0 and not output.strip(), f"smtp-source ended with status {status}: {output[-1500:]}")


async def smtp_source(trial: Trial) -> None:
    """Many sessions at once; one message a session, then many over each."""
    for number, more in enumerate(((), ("-d",))):
        sender = trial.name("postfix")
        count, size = 400, 20_000
        await _smtp_source(trial, "-s", "40", "-m", str(count), "-l", str(size), "-f", sender, "-t", RECIPIENT,
                           "-M", "source.test", *more)
        await trial.drained()
        messages = trial.sink.from_sender(sender)
        equal(f"messages of run {number}", len(messages), count)
        bodies = {message.given.partition(b"\r\n\r\n")[2] for message in messages}
        equal("different bodies", len(bodies), 1)
        check(len(bodies.pop()) >= size, "the body is too short")


async def smtp_source_file(trial: Trial) -> None:
    content = long_text(300_000)
    file = trial.directory / "message"
    file.write_bytes(content.replace(b"\r\n", b"\n"))
    sender = trial.name("postfix")
    await _smtp_source(trial, "-s", "10", "-m", "30", "-F", str(file), "-f", sender, "-t", RECIPIENT,
                       "-M", "source.test")
    await trial.drained()
    messages = trial.sink.from_sender(sender)
    equal("messages", len(messages), 30)
    for message in messages:
        equal("content", message.given, content + b"\r\n")      # that line is smtp-source's own


CASES = (
    Case("swaks: dots, pipelining", "SMTP-29 PIP-03", swaks_plain, LISTENERS),
    Case("swaks: 20 MB", "SMTP-29", swaks_large, LISTENERS),
    Case("swaks: STARTTLS and implicit TLS", "STL-01 SUB-06", swaks_tls, LISTENERS),
    Case("swaks: AUTH PLAIN and LOGIN", "AUTH", swaks_auth, AUTH_LISTENERS, users={USER: PASSWORD}),
    Case("smtplib: in clear, STARTTLS, implicit TLS, 20 MB", "SMTP-29 STL-01", smtplib_plain, LISTENERS),
    Case("smtplib: 8-bit content", "8BM-01", smtplib_eight_bit, LISTENERS),
    Case("smtplib: SMTPUTF8", "EAI-01 EAI-02", smtplib_utf8, LISTENERS),
    Case("smtplib: AUTH PLAIN and LOGIN", "AUTH", smtplib_auth, AUTH_LISTENERS, users={USER: PASSWORD}),
    Case("smtp-source: 800 messages over 40 sessions", "SMTP-29", smtp_source),
    Case("smtp-source: one file many times", "SMTP-29", smtp_source_file),
)
