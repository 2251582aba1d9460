"""What the carrier SMTP says in the log and as last words: each kind once."""

import logging
import os
from pathlib import Path

import pytest

from crm_plugin.channels.email.smtp.carrier import SmtpCarrier
from crm_plugin.kernel.rare_warnings import RareWarnings
from tests.channels.email.test_smtp import Owner, Scripted, free_port, mail, send


def test_the_log_has_one_warning_for_each_kind_of_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = {"RCPT": "450 4.7.1 <x@a.example>: too fast"}
    found = Scripted(*4 * [script], {"MAIL": "550 not from you"})
    for messages in (map(mail, range(12)), [mail(12)]):
        # A worker does each wake-up in a new process, with a carrier of its own.
        carrier = SmtpCarrier(Owner(found.port), remembered=tmp_path / "warned")
        assert {one.status for one in send(carrier, *messages)} == {"unavailable"}
        carrier.close()
    last = SmtpCarrier(Owner(found.port), remembered=tmp_path / "warned")
    send(last, mail(13))
    last.close()
    found.stop()
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        "SMTP server 127.0.0.1: answers RCPT by 450 4.7.1 <…>: too fast",
        "SMTP server 127.0.0.1: answers MAIL by 550 not from you",
    ]


def test_after_an_hour_a_kind_is_warned_of_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tests.rare")
    first, second = (RareWarnings(log, tmp_path / "warned") for _ in range(2))
    for words in ("one", "two"):
        first.warn("kind", words)
    second.warn("kind", "three")
    second.warn("other kind", "four")
    for place in (tmp_path / "warned").iterdir():
        os.utime(place, (0, 0))
    RareWarnings(log, tmp_path / "warned").warn("kind", "five")
    assert [record.message for record in caplog.records] == ["one", "four", "five"]


def test_a_disk_that_takes_nothing_silences_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    RareWarnings(logging.getLogger("tests.rare"), tmp_path / "file" / "warned").warn("kind", "words")
    assert [record.message for record in caplog.records] == ["words"]


def test_why_there_is_no_connection_is_kept_as_the_last_words() -> None:
    (receipt,) = send(SmtpCarrier(Owner(free_port())), mail(1))
    assert "does not answer" in receipt.words
