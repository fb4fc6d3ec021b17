"""How much a client, a user, a message may be: each limit has its reply, and what is within it passes."""

from __future__ import annotations

import base64

import certificates
from case import Case, check, equal
from client import Client, stuffed
from trial import Trial, text

RECIPIENT = "reader@target.example"
AUTH = {"starttls": {"tls": "starttls", "auth": "required"}}
RULES = ({"name": "shop", "from": ["shop@origin.example", "@news.origin.example", "@.branch.example"]},
         {"name": "few", "max_recipients": 2},
         {"name": "slow", "max_message_rate": "3/h"})
USERS = {"shop": "a", "few": "b", "slow": "c", "free": "d"}
TOO_BIG = "552 5.3.4"


async def _user(trial: Trial, name: str) -> Client:
    client = await trial.client("starttls", tls=certificates.client_context())
    token = base64.b64encode(f"\0{name}\0{USERS[name]}".encode()).decode()
    await client.ask_for(f"AUTH PLAIN {token}", "235")
    return client


async def senders_of_a_user(trial: Trial) -> None:
    """Envelope and From field; the null sender is nobody's name."""
    def by(author: str) -> bytes:
        return text("as somebody").replace(b"author@origin.example", author.encode())
    async with await _user(trial, "shop") as client:
        for wrong in ("other@origin.example", "shop@news.example", "x@branch.example", "x@a.news.origin.example"):
            await client.ask_for(f"MAIL FROM:<{wrong}>", "550 5.7.1")
        for right in ("shop@origin.example", "any@news.origin.example", "any@a.branch.example"):
            await client.send(right, RECIPIENT, by("shop@origin.example"))
            await trial.arrived(right)
        await client.send("", RECIPIENT, by("shop@origin.example"))
        await trial.arrived("")
    async with await _user(trial, "free") as client:
        await client.send("anybody@anywhere.example", RECIPIENT, by("somebody@anywhere.example"))
        await client.quit()


async def recipients_of_a_user(trial: Trial) -> None:
    async with await _user(trial, "few") as client:
        sender = trial.name()
        await client.envelope(sender, "a@target.example", "b@target.example")
        await client.ask_for("RCPT TO:<c@target.example>", "452 4.5.3")
        await client.ask_for("RCPT TO:<a@target.example>", "250")       # known already
        check((await client.data(text("to two"))).begins("250"), "the message for two is not taken")
        await client.quit()
    equal("recipients", (await trial.arrived(sender)).addresses, ["a@target.example", "b@target.example"])


async def rate_of_a_user(trial: Trial) -> None:
    """Over all sessions of the user, whatever the client's address; others are not concerned."""
    for _ in range(3):
        async with await _user(trial, "slow") as client:
            await client.send(trial.name(), RECIPIENT, text("one of three"))
    async with await _user(trial, "slow") as client:
        await client.ask_for("MAIL FROM:<a@origin.example>", "450 4.7.1")
        await client.ask_for("MAIL FROM:<a@origin.example>", "450 4.7.1")
    async with await _user(trial, "free") as client:
        await client.send(trial.name(), RECIPIENT, text("of another user"))
    await trial.drained()
    equal("messages", trial.sink.count, 4)


async def rate_of_a_client(trial: Trial) -> None:
    """Over all sessions of an address; another address is another client."""
    for _ in range(5):
        async with await trial.client(source="127.0.0.5") as client:
            await client.send(trial.name(), RECIPIENT, text("one of five"))
    async with await trial.client(source="127.0.0.5") as client:
        await client.ask_for("MAIL FROM:<a@origin.example>", "450 4.7.1")
    async with await trial.client(source="127.0.0.6") as client:
        await client.send(trial.name(), RECIPIENT, text("from elsewhere"))


async def connections(trial: Trial) -> None:
    """Of one address, and in all. Who leaves makes room."""
    crowd = [await trial.client(source="127.0.0.5") for _ in range(3)]
    one_more = await Client.connect(trial.ports["relay"], source="127.0.0.5", greeted=False)
    await one_more.expect("421 4.7.0")
    crowd += [await trial.client(source="127.0.0.6") for _ in range(2)]
    beyond = await Client.connect(trial.ports["relay"], source="127.0.0.7", greeted=False)
    await beyond.expect("421 4.3.2")
    for client in crowd:
        await client.quit()
    for client in (one_more, beyond):
        await client.rest()
        client.close()
    async with await trial.client(source="127.0.0.5") as client:
        await client.send(trial.name(), RECIPIENT, text("again"))


async def size(trial: Trial) -> None:
    """Declared, and found out; the session goes on. Far over the limit the client is cut off."""
    body = text("at the limit")
    fill = b"x" * 70 + b"\r\n"
    within = body + fill * ((64_000 - len(body)) // len(fill))
    async with await trial.client() as client:
        equal("SIZE in EHLO", (await client.hello()).keywords.get("SIZE"), "64000")
        await client.ask_for("MAIL FROM:<a@origin.example> SIZE=64001", TOO_BIG)
        await client.send(trial.name(), RECIPIENT, within)
        await client.envelope("a@origin.example", RECIPIENT, mail="SIZE=10")
        reply = await client.data(within + fill)
        check(reply.begins(TOO_BIG), f"a message over the limit: {reply}")
        await client.envelope("a@origin.example", RECIPIENT)
        over = within + fill
        await client.write(b"BDAT %d LAST\r\n%s" % (len(over), over))
        await client.expect(TOO_BIG)
        await client.send(trial.name(), RECIPIENT, within)
        await client.quit()
    async with await trial.client() as client:
        await client.envelope("a@origin.example", RECIPIENT)
        await client.ask_for("BDAT 9999999999 LAST", TOO_BIG)
    await trial.drained()
    equal("messages", trial.sink.count, 2)


async def recipients(trial: Trial) -> None:
    async with await trial.client() as client:
        sender = trial.name()
        await client.envelope(sender, *(f"r{number}@target.example" for number in range(100)))
        await client.ask_for("RCPT TO:<r100@target.example>", "452 4.5.3")
        check((await client.data(text("to a hundred"))).begins("250"), "the message for a hundred is not taken")
        await client.quit()
    equal("recipients", len((await trial.arrived(sender)).recipients), 100)


async def contents(trial: Trial) -> None:
    """Loops, NULs, endless lines. What is refused is refused at the end, and the session goes on."""
    hops = b"Received: from a.example by b.example; Mon, 2 Nov 2026 10:00:00 +0000\r\n"
    body = text("odd")
    refused = ((hops * 101 + body, "554 5.4.6"), (body + b"a\x00b\r\n", "550 5.6.0"),
               (body + b"x" * 70_000 + b"\r\n", "550 5.6.0"))
    async with await trial.client() as client:
        for content, wanted in refused:
            await client.envelope("a@origin.example", RECIPIENT)
            reply = await client.data(content)
            check(reply.begins(wanted), f"wanted {wanted}, got {reply}")
        sender = trial.name()
        await client.send(sender, RECIPIENT, hops * 100 + body)
        await client.quit()
    equal("content", (await trial.arrived(sender)).given, hops * 100 + body)
    await trial.drained()
    equal("messages", trial.sink.count, 1)


async def errors(trial: Trial) -> None:
    """Twenty in a row end a session; so does a line without end, and a browser."""
    async with await trial.client() as client:
        await client.write(b"RCPT TO:<a@target.example>\r\n" * 20)
        for _ in range(20):
            await client.expect("503")
        await client.expect("421 4.7.0")
        equal("behind 421", await client.rest(), b"")
    async with await trial.client() as client:
        await client.ask_for("NOOP " + "x" * 3_000, "500 5.5.2")
        await client.ask_for("NOOP", "250")
        await client.write(b"x" * 70_000)
        await client.expect("500 5.5.2")
        await client.rest()
    async with await trial.client(hello=False) as client:
        await client.write(b"POST / HTTP/1.1\r\nHost: relay\r\n\r\nMAIL FROM:<a@origin.example>\r\n")
        await client.reply()
        check(b"250" not in await client.rest(), "a browser was let on")


async def connection_lost_in_data(trial: Trial) -> None:
    """What never got its end of data is no message: closed, reset, half a dot."""
    for end, closing in ((b"", Client.close), (b"\r\n.", Client.close), (b"\r\n.\r", Client.reset)):
        client = await trial.client()
        await client.envelope("a@origin.example", RECIPIENT)
        await client.ask_for("DATA", "354")
        await client.write_pieces(stuffed(text("cut off"))[:-5] + end)
        closing(client)
    await trial.drained()
    equal("messages", trial.sink.count, 0)


CASES = (
    Case("[[user]]: whose sender a user may be", "AUTH", senders_of_a_user, AUTH, users=USERS, rules=RULES),
    Case("[[user]]: recipients of a message", "AUTH", recipients_of_a_user, AUTH, users=USERS, rules=RULES),
    Case("[[user]]: messages in a time", "AUTH", rate_of_a_user, AUTH, users=USERS, rules=RULES),
    Case("messages of one client in a time", "pitfall 89", rate_of_a_client,
         settings={"limits": {"messages_per_client": "5/h"}}),
    Case("connections of one address, and in all", "pitfall 89", connections,
         settings={"limits": {"connections": 5, "connections_per_client": 3}}),
    Case("the size of a message, declared and real", "SIZ-01 CHK-04", size,
         settings={"limits": {"message_size": "64KB"}}),
    Case("recipients of a message", "SMTP-19 SMTP-28", recipients,
         settings={"limits": {"recipients_per_message": 100}}),
    Case("loops, NULs and endless lines", "SMTP-13 SMTP-28 pitfall 53", contents),
    Case("too many errors, lines without end, browsers", "SMTP-28", errors),
    Case("a connection that ends amid a message leaves nothing", "SMTP-25", connection_lost_in_data),
)
