"""SCRAM-SHA-256 from the client's side: a login step by step, and by GNU SASL's own program. RFC 5802, RFC 7677"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
from typing import Optional

import certificates
from case import Case, Skipped, check, equal
from client import Client, Reply
from programs import run_program
from trial import Trial, text

LISTENERS = {"starttls": {"tls": "starttls", "auth": "required"},
             "implicit": {"tls": "implicit", "auth": "required"}}
USERS = {"shop": "secret", "böse,ex=ample": "pässwörd ✓"}
RECIPIENT = "reader@target.example"
WRONG, AUTHENTICATED, MALFORMED, CANCELLED = "535 5.7.8", "235 2.7.0", "501 5.5.2", "501 5.7.0"
READ_AGAIN = "users file read again"
ITERATIONS = 5000
SALT_OCTETS = 12
PAUSE_SECONDS = 0.05
GUESSER = "127.0.0.78"
GUESSES = 7             # of which the last makes the next one wait for four seconds


def coded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def signed(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")


def salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def users_line(name: str, password: str) -> str:
    """As RFC 5803 writes it."""
    salt = os.urandom(SALT_OCTETS)
    secret = salted(password, salt, ITERATIONS)
    stored = hashlib.sha256(signed(secret, "Client Key")).digest()
    return (f"{name}:SCRAM-SHA-256${ITERATIONS}:{coded(salt)}${coded(stored)}:"
            f"{coded(signed(secret, 'Server Key'))}\n")


class Login:
    """One exchange, without a socket."""

    def __init__(self, user: str, password: str, header: str = "n,,") -> None:
        nonce = coded(os.urandom(18))
        self._password = password
        self._header = header
        self._bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        self.nonce = nonce
        self.first = header + self._bare
        self.told: dict[str, str] = {}      # by the server's first message
        self.expected = ""                  # of the server, at the end

    def last(self, server_first: str) -> str:
        self.told = dict(part.split("=", 1) for part in server_first.split(","))      # type: ignore[misc]
        check(self.told["r"].startswith(self.nonce) and len(self.told["r"]) > len(self.nonce) + 15,
              f"the server adds too little to the nonce: {server_first}")
        secret = salted(self._password, base64.b64decode(self.told["s"]), int(self.told["i"]))
        bare_last = f"c={coded(self._header.encode())},r={self.told['r']}"
        everything = f"{self._bare},{server_first},{bare_last}"
        key = signed(secret, "Client Key")
        signature = signed(hashlib.sha256(key).digest(), everything)
        self.expected = f"v={coded(signed(signed(secret, 'Server Key'), everything))}"
        return f"{bare_last},p={coded(bytes(a ^ b for a, b in zip(key, signature)))}"


def challenge(reply: Reply) -> str:
    check(reply.begins("334 ") and len(reply.lines) == 1, f"no challenge: {reply}")
    return base64.b64decode(reply.lines[0][4:], validate=True).decode()


async def begin(client: Client, login: Login, initial: bool = True) -> Reply:
    """The reply to the client's first message."""
    if initial:
        return await client.ask(f"AUTH SCRAM-SHA-256 {coded(login.first.encode())}")
    await client.ask_for("AUTH SCRAM-SHA-256", "334 ")
    return await client.ask(coded(login.first.encode()))


async def prove(client: Client, login: Login, initial: bool = True) -> Reply:
    """The reply to the client's last message."""
    server_first = challenge(await begin(client, login, initial))
    return await client.ask(coded(login.last(server_first).encode()))


async def log_in(client: Client, login: Login, initial: bool = True) -> None:
    equal("the server's proof", challenge(await prove(client, login, initial)), login.expected)
    await client.ask_for("", AUTHENTICATED)


async def use(trial: Trial, lines: str) -> None:
    trial.write_users_file(lines)
    await trial.hang_up(READ_AGAIN)


async def connected(trial: Trial, listener: str = "starttls", source: str = "127.0.0.1") -> Client:
    return await trial.client(listener, source=source, tls=certificates.client_context())


async def mechanisms(trial: Trial) -> list[str]:
    async with await connected(trial) as client:
        return (await client.hello()).keywords["AUTH"].split()


async def logins(trial: Trial) -> None:
    """With an initial response and without, for names and passwords beyond ASCII; and PLAIN with the same keys."""
    await use(trial, "".join(users_line(*user) for user in USERS.items()))
    for user, password in USERS.items():
        for header in ("n,,", "y,,", f"n,a={user.replace('=', '=3D').replace(',', '=2C')},"):
            for initial in (True, False):
                for listener in LISTENERS:
                    client = await connected(trial, listener)
                    await log_in(client, Login(user, password, header), initial)
                    client.close()
        async with await connected(trial) as client:
            plain = coded(f"\0{user}\0{password}".encode())
            await client.ask_for(f"AUTH PLAIN {plain}", AUTHENTICATED)
    async with await connected(trial) as client:
        await log_in(client, Login("shop", "secret"))
        sender = trial.name()
        await client.send(sender, RECIPIENT, text("authenticated"))
        await client.quit()
        check(b" with ESMTPSA " in (await trial.arrived(sender)).received, "Received does not say ESMTPSA")
    await trial.program.said("sasl_username=shop", 20)


async def comes_and_goes(trial: Trial) -> None:
    """It is offered while all users have its keys, and one without them takes it away."""
    equal("mechanisms with crypt(3) alone", await mechanisms(trial), ["PLAIN", "LOGIN"])
    made = await trial.program.passwd("shop", "secret", "scram-sha-256")
    check(made.startswith("shop:SCRAM-SHA-256$65536:"), f"fulmar passwd makes {made!r}")
    await use(trial, made + await trial.program.passwd("other", "pässwörd", "scram-sha-256"))
    equal("mechanisms with keys for all", await mechanisms(trial), ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
    running = await connected(trial)
    await log_in(running, Login("other", "pässwörd"))
    await use(trial, made + f"old:{certificates.password_hash('secret')}\n")
    equal("mechanisms with one crypt(3) line", await mechanisms(trial), ["PLAIN", "LOGIN"])
    async with await connected(trial) as client:
        await client.ask_for("AUTH SCRAM-SHA-256", "504 5.5.4")
    await running.send("during@origin.example", RECIPIENT, text("during"))
    await running.quit()
    await trial.arrived("during@origin.example")


async def failures(trial: Trial) -> None:
    """What is wrong is not told: user, password or exchange. Three end a session."""
    await use(trial, users_line("shop", "secret"))
    client = await connected(trial)
    words = set()
    for login in (Login("shop", "Secret"), Login("nobody", "secret"), Login("Shop", "secret")):
        words.add(str(await prove(client, login)))
    check(len(words) == 1 and words.pop().startswith(WRONG), f"different words: {words}")
    await client.expect("421 4.7.0")
    equal("behind 421", await client.rest(), b"")
    client.close()
    async with await connected(trial) as client:
        for line, wanted in ((b"p=tls-unique,,n=shop,r=abc", MALFORMED), (b"n,,n=,r=abc", MALFORMED),
                             (b"n,,n=shop,r=" + b"x" * 2048, MALFORMED), (b"n,a=boss,n=shop,r=abc", WRONG)):
            await client.ask_for(f"AUTH SCRAM-SHA-256 {coded(line)}", wanted)
        await client.ask_for("AUTH SCRAM-SHA-256 =", MALFORMED)
        await client.ask_for("AUTH SCRAM-SHA-256-PLUS", "504 5.5.4")
        await log_in(client, Login("shop", "secret"))


async def cancelled(trial: Trial) -> None:
    """At each step, the last one included; a proof that was given counts for nothing afterwards."""
    await use(trial, users_line("shop", "secret"))
    async with await connected(trial) as client:
        await client.ask_for("AUTH SCRAM-SHA-256", "334 ")
        await client.ask_for("*", CANCELLED)
        challenge(await begin(client, Login("shop", "secret")))
        await client.ask_for("*", CANCELLED)
        login = Login("shop", "secret")
        equal("the server's proof", challenge(await prove(client, login)), login.expected)
        await client.ask_for("*", CANCELLED)
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
        challenge(await prove(client, Login("shop", "secret")))
        await client.ask_for(coded(b"more"), MALFORMED)
        await client.ask_for("MAIL FROM:<a@origin.example>", "530 5.7.0")
        await log_in(client, Login("shop", "secret"))


async def unknown_users(trial: Trial) -> None:
    """Have a salt of their own, the same each time, and cost as many iterations as the others."""
    await use(trial, users_line("shop", "secret") + users_line("other", "secret"))

    async def told(user: str) -> dict[str, str]:
        login = Login(user, "guess")
        client = await connected(trial)
        reply = await prove(client, login)
        client.close()
        check(reply.begins(WRONG), f"{user}: {reply}")
        return login.told
    seen = {user: [await told(user) for _ in range(2)] for user in ("nobody", "another", "shop")}
    for user, (one, other) in seen.items():
        equal(f"salt of {user}", one["s"], other["s"])
        equal(f"octets of salt of {user}", len(base64.b64decode(one["s"])), SALT_OCTETS)
        equal(f"iterations of {user}", one["i"], str(ITERATIONS))
        equal(f"length of the server's nonce for {user}", len(one["r"]), len(seen["shop"][0]["r"]))
        check(one["r"] != other["r"], f"{user}: twice the same nonce")
    equal("different salts", len({one["s"] for one, _ in seen.values()}), 3)


async def _guess(trial: Trial, source: str, password: str) -> None:
    """Until it is looked at."""
    while True:
        async with await connected(trial, source=source) as client:
            login = Login("shop", password)
            reply = await begin(client, login)
            if not reply.begins("454 4.7.0"):
                await client.ask_for(coded(login.last(challenge(reply)).encode()), WRONG)
                return
        await trial.pulse.let_pass(PAUSE_SECONDS)


async def held_back(trial: Trial) -> None:
    """Who goes on guessing waits, and is told no salt meanwhile; others do not notice."""
    await use(trial, users_line("shop", "secret"))
    for number in range(GUESSES):
        await _guess(trial, GUESSER, f"guess {number}")
    async with await connected(trial, source=GUESSER) as client:
        reply = await begin(client, Login("shop", "secret"))
        check(reply.begins("454 4.7.0"), f"the right password of a guesser: {reply}")
    async with await connected(trial) as client:
        await log_in(client, Login("shop", "secret"))


async def secrets_stay_secret(trial: Trial) -> None:
    """Nothing of passwords, keys or messages is logged."""
    line = users_line("shop", "secret")
    await use(trial, line)
    client = await connected(trial)
    guess, right = Login("shop", "guessed-wrong"), Login("shop", "secret")
    await prove(client, guess)
    await log_in(client, right)
    await client.quit()
    await trial.program.said("login refused", 20)
    log = "\n".join(trial.program.lines)
    for hidden in ("secret", "guessed-wrong", right.nonce, right.expected, "SCRAM-SHA-256$", line.split("$")[2]):
        check(hidden.strip() not in log, f"the log has {hidden!r}")


async def by_gsasl(trial: Trial) -> None:
    """A client that others wrote: right and wrong."""
    program: Optional[str] = shutil.which("gsasl")
    if program is None:
        raise Skipped("gsasl is not installed")
    await use(trial, await trial.program.passwd("shop", "secret", "scram-sha-256"))
    for password, status in (("secret", 0), ("guess", 1)):
        ended, output = await run_program(
            program, "--smtp", "--mechanism", "SCRAM-SHA-256", "--starttls", "--x509-ca-file=", "--no-cb", "--verbose",
            "--authentication-id", "shop", "--authorization-id", "", "--password", password,
            f"--connect=127.0.0.1:{trial.ports['starttls']}")
        equal(f"status with {password}: {output[-1500:]}", min(ended, 1), status)
        check((AUTHENTICATED in output) == (status == 0), output[-1500:])


CASES = (
    Case("SCRAM: logins in all forms", "AUTH SCRAM", logins, LISTENERS, users=USERS),
    Case("SCRAM: comes and goes with the keys in the users file", "AUTH SCRAM", comes_and_goes, LISTENERS, users=USERS),
    Case("SCRAM: what fails", "AUTH SCRAM", failures, LISTENERS, users=USERS),
    Case("SCRAM: cancelled at each step", "AUTH SCRAM", cancelled, LISTENERS, users=USERS),
    Case("SCRAM: who does not exist looks like the others", "AUTH SCRAM", unknown_users, LISTENERS, users=USERS),
    Case("SCRAM: who goes on guessing waits", "AUTH SCRAM", held_back, LISTENERS, users=USERS),
    Case("SCRAM: no secret gets into the log", "AUTH SCRAM", secrets_stay_secret, LISTENERS, users=USERS),
    Case("gsasl: AUTH SCRAM-SHA-256", "AUTH SCRAM", by_gsasl, LISTENERS, users=USERS),
)
