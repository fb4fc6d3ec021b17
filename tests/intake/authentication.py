"""Who a client says it is: AUTH, its order, wrong passwords, and the users file as it changes. RFC 4954"""

from __future__ import annotations

import base64
from typing import Optional

import certificates
from case import Case, check, equal
from client import Client, Reply
from trial import Trial, text

REQUIRED = {"tls": "starttls", "auth": "required"}
LISTENERS = {"starttls": REQUIRED, "optional": {"tls": "starttls", "auth": "optional"}}
USERS = {"shop": "secret", "böse@example": "pässwörd ✓"}
RECIPIENT = "reader@target.example"
WRONG, AUTHENTICATED = "535 5.7.8", "235 2.7.0"
READ_AGAIN = "users file read again"
PAUSE_SECONDS = 0.05
GUESSER = "127.0.0.77"
GUESSES = 7             # of which the last makes the next one wait for four seconds


def coded(text_: str) -> str:
    return base64.b64encode(text_.encode()).decode()


def plain(user: str, password: str) -> str:
    return f"AUTH PLAIN {coded(f'{chr(0)}{user}{chr(0)}{password}')}"


async def login(trial: Trial, user: str = "shop", password: str = "secret", source: str = "127.0.0.1",
                listener: str = "starttls") -> tuple[Client, Reply]:
    client = await trial.client(listener, source=source, tls=certificates.client_context())
    return client, await client.ask(plain(user, password))


async def both_mechanisms(trial: Trial) -> None:
    """With an initial response and without, for names and passwords beyond ASCII; ESMTPSA in Received."""
    for user, password in USERS.items():
        for dialogue in ((plain(user, password),),
                         ("AUTH PLAIN", coded(f"\0{user}\0{password}")),
                         ("auth plain", coded(f"{user}\0{user}\0{password}")),
                         ("AUTH LOGIN", coded(user), coded(password)),
                         (f"AUTH LOGIN {coded(user)}", coded(password))):
            async with await trial.client("starttls", tls=certificates.client_context()) as client:
                for line in dialogue[:-1]:
                    await client.ask_for(line, "334 ")
                await client.ask_for(dialogue[-1], AUTHENTICATED)
                sender = trial.name()
                await client.send(sender, RECIPIENT, text("authenticated"))
                await client.quit()
                received = (await trial.arrived(sender)).received
                check(b" with ESMTPSA " in received, f"Received does not say that it was authenticated: {received!r}")
                check(b"shop" not in received and b"secret" not in received, f"Received tells too much: {received!r}")


async def order(trial: Trial) -> None:
    """When AUTH is offered, and what it must not interrupt."""
    async with await trial.client("starttls") as client:
        check("AUTH" not in (await client.hello()).keywords, "AUTH is offered in clear")
        await client.ask_for(plain("shop", "secret"), "538 5.7.11")
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
        await client.start_tls(certificates.client_context())
        await client.ask_for(plain("shop", "secret"), "503 5.5.1")
        equal("AUTH in EHLO", set((await client.hello()).keywords.get("AUTH", "").split()), {"PLAIN", "LOGIN"})
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
        await client.ask_for("AUTH CRAM-MD5", "504 5.5.4")
        await client.ask_for("AUTH LOGIN", "334 ")
        await client.ask_for("*", "501")
        await client.ask_for("AUTH PLAIN", "334 ")
        await client.ask_for("not base64!", "501")
        await client.ask_for("AUTH PLAIN " + coded("no separators"), "501", WRONG)
        await client.ask_for(plain("shop", "secret"), AUTHENTICATED)
        await client.ask_for(plain("shop", "secret"), "503 5.5.1")
        await client.quit()
    async with await trial.client("optional", tls=certificates.client_context()) as client:
        await client.envelope("a@origin.example", RECIPIENT)        # loopback may relay here
        await client.ask_for(plain("shop", "secret"), "503 5.5.1")


async def wrong_passwords(trial: Trial) -> None:
    """Three in a session end it. What is wrong is not told: user or password."""
    client, reply = await login(trial, "shop", "guess")
    words = {reply.lines[-1]}
    for attempt in ("", "nobody"):
        reply = await client.ask(plain(attempt or "shop", "x"))
        words.add(reply.lines[-1])
    check(all(word.startswith(WRONG) for word in words) and len(words) == 1, f"different words: {words}")
    await client.expect("421 4.7.0")
    equal("behind 421", await client.rest(), b"")
    client.close()
    client, reply = await login(trial, password="secret")
    check(reply.begins(AUTHENTICATED), f"the right password after three wrong ones: {reply}")
    client.close()


class _Guesser:
    """Tries one wrong password after the other, over as many sessions as it takes."""

    def __init__(self, trial: Trial) -> None:
        self.wrong = 0                  # guesses that were looked at
        self.held_back_after = 0        # so many, for the first time
        self._trial = trial
        self._client: Optional[Client] = None

    async def guess(self) -> None:
        """Until one more was looked at."""
        while True:
            if self._client is None or self.wrong % 2 == 0:     # three would end the session
                await self.leave()
                self._client = await self._trial.client("starttls", source=GUESSER, tls=certificates.client_context())
            reply = await self._client.ask(plain("shop", f"guess {self.wrong}"))
            if reply.begins(WRONG):
                break
            check(reply.begins("454 4.7.0"), f"wanted 454 4.7.0, got {reply}")
            self.held_back_after = self.held_back_after or self.wrong
            await self.leave()          # a session in which nothing is looked at ends too
            await self._trial.pulse.let_pass(PAUSE_SECONDS)
        self.wrong += 1

    async def leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


async def back_off(trial: Trial) -> None:
    """Who goes on guessing waits, each time longer, and the right password waits too; others do not notice."""
    guesser = _Guesser(trial)
    while guesser.wrong < GUESSES:
        await guesser.guess()
    await guesser.leave()
    check(guesser.held_back_after >= 3, f"held back after {guesser.held_back_after} wrong passwords already")
    for source, wanted in ((GUESSER, "454 4.7.0"), ("127.0.0.1", AUTHENTICATED)):
        client, reply = await login(trial, source=source)
        check(reply.begins(wanted), f"the right password from {source}: {reply}")
        client.close()
    trial.facts["held back after"] = f"{guesser.held_back_after} wrong passwords"


async def users_change(trial: Trial) -> None:
    """SIGHUP: the new password works, the old one does not, and who is logged in stays so."""
    running, reply = await login(trial)
    check(reply.begins(AUTHENTICATED), str(reply))
    await running.envelope("during@origin.example", RECIPIENT)
    trial.write_users({"shop": "changed", "new": "user"})
    await trial.hang_up(READ_AGAIN)
    for user, password, wanted in (("shop", "changed", AUTHENTICATED), ("new", "user", AUTHENTICATED),
                                   ("shop", "secret", WRONG), ("böse@example", "pässwörd ✓", WRONG)):
        client, reply = await login(trial, user, password)
        check(reply.begins(wanted), f"{user} with {password} after the change: {reply}")
        client.close()
    check((await running.data(text("during"))).begins("250"), "the session that was logged in lost its message")
    await running.send("after@origin.example", RECIPIENT, text("after"))
    await running.quit()
    await trial.arrived("during@origin.example")
    await trial.arrived("after@origin.example")


async def made_by_passwd(trial: Trial) -> None:
    """What `fulmar passwd` prints is a line of the users file."""
    trial.write_users_file("# made by fulmar passwd\n" + await trial.program.passwd("shop", "pässwörd ✓"))
    await trial.hang_up(READ_AGAIN)
    for password, wanted in (("pässwörd ✓", AUTHENTICATED), ("secret", WRONG)):
        client, reply = await login(trial, password=password)
        check(reply.begins(wanted), f"with {password}: {reply}")
        client.close()


async def a_bad_users_file(trial: Trial) -> None:
    """One that others may read, one that is broken, none at all: the old users stay, and the log says so."""
    def readable() -> None:
        trial.users_file.chmod(0o644)

    def broken() -> None:
        trial.users_file.chmod(0o600)
        trial.users_file.write_text("shop\n")
    for spoil in (readable, broken, trial.users_file.unlink):
        spoil()
        await trial.hang_up(" error .*users file")
        client, reply = await login(trial)
        check(reply.begins(AUTHENTICATED), f"the old password after a bad file: {reply}")
        client.close()


async def secrets_stay_secret(trial: Trial) -> None:
    """Neither passwords nor what carries them are logged, right or wrong."""
    for password in ("secret", "guessed-wrong"):
        client, _ = await login(trial, password=password)
        await client.ask(plain("shop", password))
        client.close()
    await trial.program.said("shop", 20)
    log = "\n".join(trial.program.lines)
    for hidden in ("secret", "guessed-wrong", coded("\0shop\0secret"), "$6$"):
        check(hidden not in log, f"the log has {hidden!r}")


CASES = (
    Case("AUTH PLAIN and LOGIN, in all their forms", "AUTH SUB-07", both_mechanisms, LISTENERS, users=USERS),
    Case("AUTH: only under TLS, only in order", "AUTH", order, LISTENERS, users=USERS),
    Case("AUTH: three wrong passwords end a session", "AUTH", wrong_passwords, LISTENERS, users=USERS),
    Case("AUTH: who goes on guessing waits", "AUTH", back_off, LISTENERS, users=USERS),
    Case("AUTH: SIGHUP reads the users file again", "AUTH", users_change, LISTENERS, users=USERS),
    Case("AUTH: a password hashed by fulmar passwd", "AUTH", made_by_passwd, LISTENERS, users=USERS),
    Case("AUTH: a bad users file changes nothing", "AUTH", a_bad_users_file, LISTENERS, users=USERS,
         expected="users"),
    Case("AUTH: no secret gets into the log", "AUTH", secrets_stay_secret, LISTENERS, users=USERS),
)
