"""What the sender is told: early word of a delay that security causes, and the end of it."""

from __future__ import annotations

import email
from email.message import Message

from expect import equal
from relay import TOP
from scenario import Scenario
from sites import STALL, Host, Site, Smtp, StartTls, always
from trial import Trial

CODES = ("4.7.", "5.7.", "4.4.", "5.1.", "550", "451", "RFC")


def first_lines(text: str, count: int = 5) -> list[str]:
    return [line for line in text.splitlines() if line.strip()][:count]


async def told_early(trial: Trial) -> None:
    """Once, in plain words, with the recipient and without codes; not again after a restart; the mail goes at last."""
    recipient = await trial.send_one()
    notice = await trial.notice(recipient, "delayed")
    opening = "\n".join(first_lines(notice.text))
    assert recipient in notice.text, f"the recipient is not named:\n{opening}"
    assert trial.domain in opening, f"the domain is not named:\n{opening}"
    assert not any(code in opening for code in CODES), f"codes in the first lines:\n{opening}"
    equal("Status", notice.status, "4.7.4")
    equal("envelope sender of the notice", {m.sender for m in trial.world.origin.received
                                            if m.content == notice.raw}, {""})
    assert b"Will-Retry-Until:" in notice.raw, "no Will-Retry-Until"
    await trial.relay.kill()
    await trial.relay.start()
    await trial.attempt(recipient, "deferred", count=2)
    trial.host().behave(Smtp())
    await trial.retry_now(recipient)
    equal("tls= in the log", (await trial.attempt(recipient, "sent")).tls, "dane")
    equal("delay notices", trial.notice_count(recipient, "delayed"), 1)


async def told_again(trial: Trial) -> None:
    """Again after a while, not again after a restart, and that it is over once the destination was mended."""
    recipient = await trial.send_one()
    await trial.until(lambda: trial.notice_count(recipient, "delayed") == 2, "the second notice of the delay")
    await trial.relay.kill()
    await trial.relay.start()
    await trial.attempt(recipient, "deferred", count=3)
    trial.host().behave(Smtp())
    await trial.retry_now(recipient)
    await trial.attempt(recipient, "sent")
    cleared = await trial.notice(recipient, "relayed")
    opening = "\n".join(first_lines(cleared.text))
    assert recipient in opening and "is over" in opening, f"not the end of the delay:\n{opening}"
    assert not any(code in opening for code in CODES), f"codes in the first lines:\n{opening}"
    equal("delay notices", trial.notice_count(recipient, "delayed"), 2)
    equal("notices of the end", trial.notice_count(recipient, "relayed"), 1)


async def one_for_all(trial: Trial) -> None:
    """Two destinations refuse, one waits: one notice tells of both that refused, and of no other."""
    first, second, third = (trial.address(domain=site.zone) for site in trial.sites)
    await trial.send(first, second, third)
    notice = await trial.notice(first, "failed")
    assert second in notice.text, f"the second recipient is not named:\n{notice.text}"
    assert third not in notice.text, f"who waits is named:\n{notice.text}"
    equal("Message-ID", (await trial.notice(second, "failed")).message["Message-ID"], notice.message["Message-ID"])
    equal("notices", trial.notice_count(first, "failed"), 1)


async def summed_up(trial: Trial) -> None:
    """Some are told one by one, all beyond the rate in summaries when their time is over, and nobody is forgotten."""
    recipients = [(await trial.send())[0] for _ in range(10)]
    for recipient in recipients:
        await trial.attempt(recipient, "bounced")

    def summaries() -> str:
        return "".join(m.content.decode() for m in trial.world.origin.received if b"what became of them" in m.content)

    def all_told() -> bool:
        return all(trial.notice_count(one, "failed") or one in summaries() for one in recipients)
    await trial.until(all_told, "word of each recipient")
    one_by_one = sum(trial.notice_count(one, "failed") for one in recipients)
    assert 0 < one_by_one < len(recipients), f"{one_by_one} notices of {len(recipients)}"


async def in_german(trial: Trial) -> None:
    """In the language that the message asks for."""
    recipient = (await trial.send(header="Accept-Language: de-AT, en;q=0.5\r\n"))[0]
    notice = await trial.notice(recipient, "failed")
    assert f"Ihre Nachricht an {recipient} wurde nicht zugestellt." in notice.text, notice.text
    equal("Content-Language", notice.message["Content-Language"], "de")


async def no_early_word(trial: Trial) -> None:
    """An ordinary delay is not announced early."""
    recipient = await trial.send_one()
    await trial.attempt(recipient, "deferred", count=3)
    equal("delay notices", trial.notice_count(recipient, "delayed"), 0)


async def at_the_end(trial: Trial) -> None:
    """Time limit reached: the status is that of the cause, and the text says that time ran out."""
    recipient = await trial.send_one()
    equal("dsn= in the log", (await trial.attempt(recipient, "bounced")).dsn, "5.7.5")
    notice = await trial.notice(recipient, "failed")
    equal("Status in the notice", notice.status, "5.7.5")
    words = f"{notice.text} {notice.diagnostic} {notice.raw.decode('utf-8', 'replace')}".lower()
    assert "time limit" in words, "the notice does not say that time ran out"
    assert not trial.host().saw_mail(), "the host saw an envelope"


async def no_notice_about_a_notice(trial: Trial) -> None:
    """A notice that cannot be delivered makes no further one."""
    sender = "nobody@refuses-notices.test"
    recipient = (await trial.send(sender=sender))[0]
    bounced = await trial.attempt(recipient, "bounced")
    end_of_notice = await trial.attempt(sender, "bounced")
    equal("notices about the message", len(trial.relay.log.notices(bounced.id)), 1)
    equal("notices about the notice", trial.relay.log.notices(end_of_notice.id), [])
    await trial.until(lambda: f"{end_of_notice.id}: removed" in "\n".join(trial.relay.log.lines), "its removal")
    answer = await trial.relay.run("queue", "list", "--json")
    equal("messages left in the queue", answer.json, [])


async def told_to_the_postmaster(trial: Trial) -> None:
    """A notice that nobody takes is told to the postmaster, in a mail of its own."""
    sender = "nobody@takes-no-notice.test"
    await trial.send(sender=sender)
    await trial.attempt(sender, "bounced")

    def digests() -> list[Message]:
        mails = [email.message_from_bytes(m.content) for m in trial.world.origin.received
                 if m.recipients == ["operator@origin.test"]]
        return [mail for mail in mails if sender in str(mail)]
    await trial.until(digests, "the mail to the postmaster")
    mail = digests()[0]
    equal("Auto-Submitted", mail["Auto-Submitted"], "auto-generated")
    equal("mails that tell of it", len(digests()), 1)


async def cut_off_by_a_crash(trial: Trial) -> None:
    """The host had all of it and said nothing; after a crash it refuses: nobody claims that it does not have it."""
    recipient = await trial.send_one()
    await trial.until(lambda: trial.host().received, "the message at the host")
    await trial.relay.kill()
    trial.host().behave(Smtp(rcpt=always("550 5.1.1 No")))
    await trial.relay.start()
    notice = await trial.notice(recipient, "failed")
    assert notice.message["Subject"].startswith("Delivery not confirmed"), notice.message["Subject"]
    assert "We have no word" in notice.text, notice.text


async def untried_over_a_stop(trial: Trial) -> None:
    """What waited through an orderly stop was not tried, and a refusal after it is told as what it is."""
    await trial.relay.run("suspend", trial.domain, "--for", "1h")
    recipient = await trial.send_one()
    equal("exit status", await trial.relay.stop(), 0)
    await trial.relay.start()
    await trial.relay.run("resume", trial.domain)
    notice = await trial.notice(recipient, "failed")
    assert notice.message["Subject"].startswith("Not delivered"), notice.message["Subject"]
    assert "nothing was delivered to this address" in notice.text, notice.text


SCENARIOS = (
    Scenario("A delay that DANE causes is announced early, once, in plain words; then the mail goes",
             "pitfall-103 pitfall-104 pitfall-105",
             (Site("told-early.test", hosts=(Host(tlsa=("3 1 1",), smtp=Smtp(starttls=StartTls.ABSENT)),)),),
             told_early, settings={}),
    Scenario("A delay is announced again, not again after a restart, and so is its end",
             "pitfall-103", (Site("told-again.test",
                                  hosts=(Host(tlsa=("3 1 1",), smtp=Smtp(starttls=StartTls.ABSENT)),)),),
             told_again, settings={"notify": {"security_delay_after": "1s", "repeat_after": ["3s"]}}),
    Scenario("A message that two destinations refuse comes back in one notice", "DSN-16 pitfall-107",
             tuple(Site(f"{name}-of-three.test", hosts=(Host(smtp=Smtp(rcpt=always(reply))),))
                   for name, reply in (("first", "550 5.1.1 No"), ("second", "550 5.7.1 Never"),
                                       ("third", "450 4.2.0 Later"))), one_for_all),
    Scenario("More notices than one sender is to get come in one summary", "pitfall-102",
             (Site("summed-up.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)),), summed_up,
             settings={"notify": {"max_per_sender": "1/s"}}),
    Scenario("A notice is in the language that the message asks for", "pitfall-105",
             (Site("in-german.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)),), in_german),
    Scenario("An ordinary delay is not announced early", "pitfall-103",
             (Site("not-told.test", hosts=(Host(smtp=Smtp(rcpt=always("450 4.2.0 Later"))),)),), no_early_word),
    Scenario("When time runs out on a DANE failure, it comes back as 5.7.5 and says so", "DANE-53 pitfall-104",
             (Site("out-of-time.test", hosts=(Host(tlsa=("3 1 1 wrong",)),)),), at_the_end,
             settings={"retry": {"give_up_after": "4s"}}),
    Scenario("A notice that comes back makes no further notice", "SMTP-14 DSN-08 pitfall-101",
             (Site("refuses-mail.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)),
              Site("refuses-notices.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.7.1 No notices"))),))),
             no_notice_about_a_notice, settings={}),
    Scenario("A first attempt that a crash cut off is not called refused", "pitfall-73",
             (Site("cut-off.test", hosts=(Host(smtp=Smtp(final=always(STALL))),)),), cut_off_by_a_crash, settings={}),
    Scenario("What was not tried before an orderly stop is known to be untried", "pitfall-104",
             (Site("untried.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)),), untried_over_a_stop,
             settings={}),
    Scenario("A notice that nobody takes is told to the postmaster", "pitfall-110",
             (Site("refuses-all.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.1.1 No"))),)),
              Site("takes-no-notice.test", hosts=(Host(smtp=Smtp(rcpt=always("550 5.7.1 No notices"))),))),
             told_to_the_postmaster,
             settings={TOP: {"postmaster": "operator@origin.test"}, "notify": {"digest_every": "1s"}}),
)
