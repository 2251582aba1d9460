"""Reports as servers really write them, and what looks like one and says nothing about an address."""

import base64

import pytest

from crm_plugin.channels.email.feedback.dsn import read
from tests.channels.email.mails import CODE, complaint, multipart, prose, report

AWAY = {"From": "ann@a.example", "Return_Path": "<>", "Auto_Submitted": "auto-generated"}
"""As Exchange sends absence notes: with the marks of a report."""

EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ann@a.example
    SMTP error from remote mail server after RCPT TO:<ann@a.example>:
    host mx.a.example [192.0.2.1]: 550 5.1.1 <ann@a.example>... User unknown

------ This is a copy of the message, including all the headers. ------

Return-path: <bounce+abcdefghij2345@bounces.school.example>
Subject: 554 spam, blocked
"""
MAIL_RU = """Это письмо создано автоматически сервером Mail.Ru, отвечать на него не нужно.

К сожалению, Ваше письмо не может быть доставлено одному или нескольким получателям:

  ann@a.example
    Unrouteable address
"""
GMX = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. The following address failed:

"ann@a.example":
SMTP error from remote server after RCPT command:
host: mx.a.example
5.1.1 <ann@a.example>... User Unknown

--- The header of the original message is following. ---

Subject: Offers
"""


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (prose(EXIM, Auto_Submitted="auto-replied", X_Failed_Recipients="ann@a.example"), "hard"),
        (prose(EXIM, Auto_Submitted="auto-replied", Subject="Mail delivery failed"), "hard"),
        (prose(MAIL_RU, From="mailer-daemon@corp.mail.ru", Auto_Submitted="auto-replied"), "hard"),
        (prose(GMX, From="MAILER-DAEMON@mail.gmx.com", Auto_Submitted="auto-replied"), "hard"),
        (prose("It said no.", Auto_Submitted="auto-replied", X_Failed_Recipients="g@a.example"), "refused"),
        (prose("Your message to <ann@a.example> was automatically rejected:\nQuota exceeded",
               Auto_Submitted="auto-replied (rejected)"), "soft"),
        (prose("<ann@a.example>: connect to mx.a.example[192.0.2.1]:25: Connection timed out"), "soft"),
        (prose("Delivery has failed.\n\nann@a.example\n550 5.7.1 message refused", From=""), "refused"),
        (prose("ann@a.example\n    Address does not\n     exist", Subject="Undelivered mail"), "hard"),
        (prose("Undelivered\n\na@a.b: 553 5.1.8 no such domain (in reply to MAIL FROM command)"), "refused"),
        (prose("Undelivered\n\na@a.b: 550 5.1.1 user unknown (in reply to end of DATA command)"), "refused"),
    ],
)  # fmt: skip
def test_a_machines_bounce_counts_whatever_it_calls_itself(data: bytes, kind: str) -> None:
    assert read(data).kind == kind


@pytest.mark.parametrize(
    "data",
    [
        prose("Ich bin bis zum 5.1.27 nicht im Büro.", Subject="Automatische Antwort: Angebote", **AWAY),
        prose("Ich bin bis zum 5.1.27 nicht im Büro.", Subject="Re: Angebote", **AWAY),
        prose("I am away. My desk is in room 450 - ask there.", Subject="Automatic reply: Offers", **AWAY),
        prose("I am away. My desk is in room 450 - ask there.", Subject="Offers", **AWAY),
        prose("In urgent cases call 562-922-6216.", Subject="Out of Office: Offers", **AWAY),
        prose("In urgent cases call 562-922-6216.", Subject="Offers", **AWAY),
        prose("您好,我正在休假。热线 400-820-8820。", Subject="自动回复: 优惠", **AWAY),
        prose("您好,我正在休假。热线 400-820-8820。", Subject="优惠", **AWAY),
        prose("Away until 5.2.2", Subject="Auto reply", From="postmaster@a.example", Return_Path="<>"),
    ],
)
def test_absence_notes_say_nothing_whatever_numbers_stand_in_them(data: bytes) -> None:
    found = read(data)
    assert (found.kind, found.words) == (None, "")


@pytest.mark.parametrize(
    "data",
    [
        prose("THIS IS A WARNING MESSAGE ONLY.\nYOU DO NOT NEED TO RESEND.\n<a@a.example>... 450 4.4.1 busy"),
        prose("Delivery to this recipient has been delayed:\n\nann@a.example\n\nIt will be retried.",
              Subject="Delivery Status Notification (Delay)"),
        prose("A message has not yet been delivered to\n\n  ann@a.example\n    550 host unknown for now",
              Subject="Warning: message 1abc delayed 24 hours", Auto_Submitted="auto-replied"),
        prose("** Delivery incomplete **\nThere was a temporary problem. Gmail will retry for 46 more hours."
              " You'll be notified if the delivery fails permanently.", Subject="Undelivered Mail"),
        prose("Could not be delivered to: ann@a.example\n\nDelivery attempts will continue for 5 day(s)."),
        report(action="delayed (will be tried again)", status="4.4.1"),
        report(action="", status="4.4.1"),
        report(status="4.7.0", words="X-Boxbe-Notice; Sender not pre-approved. Follow instructions"),
        prose("Your message was not delivered. Please click here so that your message can be delivered.",
              From="filter@a.example", Subject="Undelivered: confirm"),
        prose("<ann@a.example>: 550 5.1.1 unknown user", From="bob@b.example", Subject="Fwd: Undelivered"),
        prose("My parcel was not delivered, address does not exist.", From="ann@a.example", Subject="Help"),
        prose("Our book: delivery failed. Bad address?", From="ann@a.example", Subject="Re: Delivery fails"),
    ],
)  # fmt: skip
def test_delays_challenges_and_what_people_forward_say_nothing(data: bytes) -> None:
    assert read(data).kind is None


def _fields(*lines: str) -> str:
    return "Reporting-MTA: dns; mx.a.example\r\n\r\nFinal-Recipient: rfc822; ann@a.example\r\n" + "\r\n".join(
        lines
    )


def _report(kind: str, fields: str, text: str = "It failed.") -> bytes:
    parts = [("text/plain; charset=utf-8", text), (kind, fields)]
    return multipart({"To": CODE, "From": "MAILER-DAEMON@a.example"}, "delivery-status", parts)


UTF8 = (
    "Reporting-MTA: dns; a\r\n\r\nFinal-Recipient: utf-8; 王芳@a.example\r\nAction: failed\r\nStatus: 5.1.1"
)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (report(action="failed (bad destination mailbox address)"), "hard", "5.1.1"),
        (report(action="failure"), "hard", "5.1.1"),
        (report(action="error"), "hard", "5.1.1"),
        (report(action="expired", status="5.0.0", words="Connection timed out"), "soft", "5.0.0"),
        (report(action=""), "hard", "5.1.1"),
        (report(action="", status="", words="552 RCPT TO:<a@a.example> disk quota exceeded"), "soft", "552"),
        (_report("message/global-delivery-status", UTF8), "hard", "5.1.1"),
        (_report("message/global-delivery-status\r\nContent-Transfer-Encoding: base64",
                 base64.encodebytes(UTF8.encode()).decode()), "hard", "5.1.1"),
        (_report("text/plain", _fields("Action: failed", "Status: 5.1.1")), "hard", "5.1.1"),
        (_report("message/delivery-status", _fields("Action: failed", "Status: 5.0.0"),
                 "ann@a.example: 550 5.1.1 User unknown"), "hard", "5.1.1"),
        (_report("message/delivery-status", _fields("Action: failed", "Status: 5.0.0")), "refused", "5.0.0"),
        (report().replace(b'boundary="=_edge"', b'boundary="other"'), "hard", "5.1.1"),
    ],
)  # fmt: skip
def test_reports_are_read_that_do_not_keep_to_the_standard(data: bytes, kind: str, status: str) -> None:
    found = read(data)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    "data",
    [
        prose(
            "A person complained.", From="staff@hotmail.com", X_HmXmrOriginalRecipient="ann@hotmail.example"
        ),
        prose("See below.", From="staff@hotmail.com", Subject="complaint about message from 192.0.2.1"),
        multipart(
            {"To": "abuse@school.example", "From": "staff@hotmail.com"},
            "feedback",
            [
                (
                    "message/rfc822",
                    f"X-HmXmrOriginalRecipient: ann@hotmail.example\r\nReturn-Path: <{CODE}>\r\n\r\nHi",
                )
            ],
        ),
    ],
)
def test_complaints_that_keep_to_no_standard_are_complaints(data: bytes) -> None:
    assert read(data).kind == "complaint"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            report(status="5.0.0", words="550 5.2.2 <ann@a.example> mailbox full"),
            "550 5.2.2 <…> mailbox full",
        ),
        (prose(EXIM, X_Failed_Recipients="ann@a.example"), "550 5.1.1 <…>... User unknown"),
        (report(), ""),
        (complaint(), ""),
    ],
)
def test_the_servers_words_are_kept_without_addresses(data: bytes, words: str) -> None:
    assert read(data).words == words


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_subject_in_bare_bytes_is_read(charset: str) -> None:
    data = prose("xx", From="robot@a.example", Subject="SUBJECT")
    data = data.replace(b"SUBJECT", "系统退信".encode(charset)).replace(b"xx", "无此用户".encode())
    assert read(data).kind == "hard"


def test_a_failure_in_html_alone_is_read() -> None:
    html = (
        "<style>p{}</style><p>抱歉，您的邮件被退回来了……</p><td>ann@a.example</td><td>550 该邮箱不存在</td>"
    )
    data = prose(html, From="PostMaster@qq.com", Subject="系统退信").replace(b"text/plain", b"text/html")
    found = read(data)
    assert (found.kind, found.words) == ("hard", "550 该邮箱不存在")


def test_of_several_recipients_in_prose_each_is_judged_by_its_own_words() -> None:
    said = (
        "Failed:\n\n  bob@a.example\n    550 5.2.2 Mailbox full\n  ann@a.example\n    550 5.1.1 User unknown"
    )
    assert read(prose(said)).status == "5.1.1"


def test_a_servers_explanations_are_not_its_reason() -> None:
    said = "Undeliverable.\nThe most common reasons are: the address does not exist; the mailbox is closed."
    assert read(prose(said)).kind == "refused"
