"""What refusals are about: the words of real servers, and whose address they speak of."""

import csv
from pathlib import Path

import pytest

from crm_plugin.channels.email.smtp.replies import cause_of, redacted, said

_TABLE = Path(__file__).with_name("replies.tsv")
with _TABLE.open(encoding="utf-8", newline="") as _lines:
    REPLIES = list(csv.DictReader(_lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _name(reply: dict[str, str]) -> str:
    return f"{reply['provider']}-{reply['code']}-{reply['words'][:40]}"


@pytest.mark.parametrize("reply", REPLIES, ids=map(_name, REPLIES))
def test_replies_of_large_providers_are_understood(reply: dict[str, str]) -> None:
    words = f"{reply['enhanced']} {reply['words']}".strip()
    found = cause_of(words, reply["enhanced"], int(reply["code"]), after_text=reply["stage"] == "data")
    assert found == reply["cause"]


def test_the_table_spans_many_providers_and_every_cause() -> None:
    assert len(REPLIES) >= 100
    assert len({reply["provider"] for reply in REPLIES}) >= 50
    assert {reply["cause"] for reply in REPLIES} == {
        "mailbox", "full", "sender", "content", "later", "unclear",
    }  # fmt: skip
    assert all(reply["source"] for reply in REPLIES)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("554 5.7.1 Client host blocked", "sender"),
        ("550 Relay access denied", "sender"),
        ("550 5.1.8", "sender"),
        ("554 5.7.1 <ann@a.example>: Recipient address rejected: Access denied", "sender"),
        ("550 5.1.0 Domain of sender address no-reply@school.example does not exist", "sender"),
        ("550 5.1.0 <no-reply@school.example> sender rejected", "sender"),
        ("550 5.1.1 <ann@a.example> too many recipients this hour", "sender"),
        ("550 Sender verify failed: unknown user", "sender"),
        ("550 发件人域名不存在", "sender"),
        ("550-5.2.1 The user you are trying to contact is receiving mail at a rate that", "later"),
        ("552 5.3.4 Message size exceeds fixed limit", "content"),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "mailbox"),
        ("550 5.4.1 Recipient address rejected: Access denied", "mailbox"),
        ("554 delivery error: dd This user doesn't have a yahoo.com account (ann@a.example)", "mailbox"),
        ("550 无此用户", "mailbox"),
        ("550 Unrouteable address", "mailbox"),
        ("550 sorry, no mailbox here by that name", "mailbox"),
        ("550 5.1.1 <ann@a.example>: Recipient address rejected: User unknown", "mailbox"),
        ("554 Host or domain name not found", "mailbox"),
        ("550 5.1.10 RESOLVER.ADR.Recipient NotFound", "mailbox"),
        ("550 <ann@a.example>: Recipient address rejected. (in reply to RCPT TO command)", "mailbox"),
        ("550 This account has been suspended", "mailbox"),
        ("550 Usuario desconocido", "mailbox"),
        ("550 Benutzer unbekannt", "mailbox"),
        ("550 Пользователь не найден", "mailbox"),
        ("550 宛先が見つかりません", "mailbox"),
        ("550 user not listed in Domino Directory", "mailbox"),
        ("556 Domain does not accept mail (nullMX)", "mailbox"),
        ("550 sender IP address rejected", "sender"),
        ("550 Unrouteable sender address", "sender"),
        ("550 5.7.1 Your account has been suspended", "sender"),
        ("552 mailbox would be over the allowed quota", "full"),
        ("554 no space left on device", "full"),
        ("5.2.2 delivery failed to mailbox /var/mail/ann: error writing message: File too large", "full"),
        ("503 5.5.1 Error: need AUTH command", "sender"),
        ("503 AUTH first", "sender"),
        ("530 5.7.0 Must issue a STARTTLS command first", "sender"),
        ("530 Must issue AUTH first", "sender"),
        ("502 5.5.2 Error: command not recognized", "sender"),
        ("503 No such user here", "mailbox"),
        ("550 邮箱空间已满", "full"),
        ("552 Too much mail data", "content"),
        ("550 4.4.7 QUEUE.Expired; message expired", "later"),
        ("connect to mx.a.example[192.0.2.1]:25: Connection refused", "later"),
        ("554 This account is locked. Please try again later", "later"),
        ("One of the following reasons may be why: no such user; mailbox is closed", "unclear"),
    ],
)
def test_words_say_whose_address_it_is_about(words: str, cause: str) -> None:
    assert cause_of(words) == cause


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("550 5.4.5 Daily user sending quota exceeded", "sender"),
        (
            "550 5.7.26 Unauthenticated email from school.example is not accepted due to DMARC policy",
            "sender",
        ),
        ("554 DT:SPM 163 smtp4", "content"),
        ("550 5.1.1 user unknown", "unclear"),
        ("552 5.2.2 mailbox full", "unclear"),
    ],
)
def test_a_refusal_of_the_text_is_never_about_the_address(words: str, cause: str) -> None:
    assert cause_of(words, after_text=True) == cause
    assert cause_of(f"{words} (in reply to end of DATA command)") == cause


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("550 Address does not\r\n     exist", "mailbox"),
        ("host mx.a.example said: 550-5.1.1 The account does not\r\n 550 5.1.1 exist", "mailbox"),
        ("5.1.0 - Unknown address error 550-'5.7.1 <ann@a.example>... Access denied'", "sender"),
        ("550 5.7.1 <no-such-user@a.example>: rejected", "sender"),
        ("553 mx.school.example does not exist (in reply to MAIL FROM command)", "sender"),
        ("554 something", "unclear"),
        ("", "unclear"),
        ("450 user unknown for now", "later"),
        ("452 4.5.3 Error: too many recipients", "later"),
        ("454 4.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example", "sender"),
    ],
)
def test_the_far_servers_words_decide_however_they_are_folded(words: str, cause: str) -> None:
    assert cause_of(words) == cause


def test_what_is_kept_of_the_words_names_nobody() -> None:
    assert said(550, b"5.1.1 <ann@a.example>...\r\n User unknown") == "550 5.1.1 <…>... User unknown"
    assert redacted("x" * 300) == "x" * 255
