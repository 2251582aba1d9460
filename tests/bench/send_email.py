"""E-mail, personalised, one tracked link each: against ``smtplib`` alone and against django-post_office."""

import smtplib
from contextlib import AbstractContextManager
from statistics import median

from crm_plugin.kernel.db.engine import Database
from tests.bench import post_office
from tests.bench.rig import say
from tests.bench.sending_school import EMAIL, by_smtp, frozen, open_crm, rendered, sent, tell, timed
from tests.bench.sinks import Sink, library_smtp_sink, smtp_sink

Mails = list[tuple[str, bytes]]


def email(database: Database, messages: int, runs: int) -> None:
    """Measure with one worker and with two, to a sink that costs nothing and to one that reads its mail."""
    mails = _mails(database, messages)
    say(f"{sum(len(data) for _, data in mails) / len(mails):,.0f} bytes an e-mail")
    for name, sink in (("aiosmtpd", library_smtp_sink()), ("a sink at no cost", smtp_sink())):
        say(f"to {name}:")
        _against_the_loop(database, mails, runs, sink)


def _mails(database: Database, messages: int) -> Mails:
    crm = open_crm(database, **by_smtp(9))
    found = rendered(crm, frozen(crm, **EMAIL))
    assert len(found) == messages
    return [(message.address, message.mime(True)) for message in found if message.mime]


def _against_the_loop(
    database: Database, mails: Mails, runs: int, opened: AbstractContextManager[Sink]
) -> None:
    count = len(mails)
    with opened as sink:
        settings = by_smtp(sink.port)
        crm = open_crm(database, **settings)
        bare, one, two = [], [], []
        for _ in range(runs):
            bare.append(timed(lambda: _loop(sink.port, mails)))
            one.append(sent(crm, sink, EMAIL, settings, count, 1))
            two.append(sent(crm, sink, EMAIL, settings, count, 2))
        other = post_office.seconds_a_message(database.engine.url, sink.port, min(count, 2_000))
    wall, cpu = (median(run[place] for run in bare) for place in (0, 1))
    say(f"bare loop: {count / wall:,.0f} a second, {cpu / count * 1e6:.0f} µs of processor each")
    tell("one worker", one, count, wall, 0.5)
    tell("two workers", two, count, wall, 0.9)
    say(f"processor time of one worker: {median(run.cpu for run in one) / cpu:.2f} of the loop's (bar 2)")
    rate = count / median(run.wall for run in one)
    say(f"django-post_office: {1 / other:,.0f} a second; one worker is {rate * other:.1f} times that (bar 7)")


def _loop(port: int, mails: Mails) -> None:
    with smtplib.SMTP("127.0.0.1", port) as link:
        for address, data in mails:
            link.sendmail("no-reply@school.example", [address], data, ["BODY=8BITMIME"])
