"""Mail that pretends to have come back: nobody is stopped by what anybody could have written."""

import time
from pathlib import Path

import pytest

from crm_plugin.campaigns.feedback import bounces
from crm_plugin.channels.email.feedback.dsn import LONGEST, read
from crm_plugin.kernel.db.engine import Database
from crm_plugin.links import service as links
from tests.campaigns.fixtures import books, rows, world
from tests.campaigns.test_bounces import code, mailed, stopped
from tests.channels.email.mails import complaint, prose, report
from tests.web.test_public import SQLITE


@SQLITE
def test_no_unsigned_word_of_a_report_stops_anybody(database: Database, tmp_path: Path) -> None:
    crm = world(database, tmp_path, people=2, bounce_domain="b.example")
    campaign = mailed(crm)
    row = rows(crm, campaign)[1].id
    victim = "p1@example.org"
    named = f"\r\nOriginal-Rcpt-To: {victim}\r\nOriginal-Mail-From: <bounce@b.example>"
    forged = [
        report(to=f"bounce+{row}@b.example"),
        report(to=victim),
        report(words=f"550 5.1.1 <{victim}> unknown"),
        complaint(fields=named),
        complaint(returned=f"To: {victim}\r\nMessage-ID: <{campaign}-{row}@school.example>"),
        prose(f"550 5.1.1 {victim} does not exist"),
        report(to=f"bounce+{links.signer(crm).code(1, row).lower()}@b.example"),
        complaint(returned=f"List-Unsubscribe: <https://s.example/u/sms-{code(crm, campaign)}>"),
        complaint(returned="List-Unsubscribe: <https://s.example/u/email-test>"),
    ]
    for data in forged:
        assert not bounces.take(crm, read(data)).matched
    assert stopped(crm) == set()
    assert books(crm, campaign) == {"considered": 2, "sent": 2}


@SQLITE
def test_a_good_code_stops_its_own_person_and_nobody_named_beside_it(
    database: Database, tmp_path: Path
) -> None:
    crm = world(database, tmp_path, people=2, bounce_domain="b.example")
    campaign = mailed(crm)
    to = links.return_path(crm.settings, code(crm, campaign))
    bounces.take(crm, read(report(to=to, words="550 5.1.1 <p2@example.org> unknown")))
    assert stopped(crm) == {("p1@example.org", "marketing", "bounce")}


BOMBS = {
    "nested": b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(5000)),
    "attached": b"Content-Type: message/rfc822\n\n" * 15_000,
    "many parts": b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\ny\n" * 60_000,
    "many headers": b"To: a@b.example\n" * 30_000 + b"\nx",
    "one header": b"To: " + b"bounce+aaaaaaaaaa@" * 28_000,
    "folded": b"To: x\n" + b" y\n" * 160_000,
    "codes of words": b"From: mailer-daemon@x\n\n" + b"5.1." * 120_000,
    "spaces": b"From: mailer-daemon@x\n\nuser" + b" " * 500_000 + b"x",
    "users": b"From: mailer-daemon@x\n\n" + b"unknown user address " * 25_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_message_takes_long(name: str) -> None:
    began = time.process_time()
    read(BOMBS[name][:LONGEST])
    assert time.process_time() - began < 5
