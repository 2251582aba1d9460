"""What mail that came back says: failures, complaints, and what only looks like one of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_plugin.channels.email.feedback.bounce_classification import kind_of
from crm_plugin.channels.email.feedback.dsn import LONGEST, Returned, read
from tests.channels.email.mails import CODE, complaint, multipart, prose, report

OURS = ("abcdefghij2345",)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        ("5.1.1", "", "hard"),
        ("5.1.10", "", "hard"),
        ("5.2.1", "", "hard"),
        ("5.4.4", "", "hard"),
        ("5.0.0", "550 User unknown", "hard"),
        ("5.3.0", "550 No such recipient here", "hard"),
        ("", "550 该邮箱不存在", "hard"),
        ("5.5.0", "550 Requested action not taken: mailbox unavailable", "hard"),
        ("5.7.1", "550 user unknown", "hard"),
        ("5.2.2", "", "soft"),
        ("5.1.1", "552 mailbox is over quota", "soft"),
        ("5.2.1", "550 The user you are trying to contact is receiving mail too quickly", "soft"),
        ("4.4.7", "", "soft"),
        ("4.2.1", "450 mailbox does not exist yet", "soft"),
        ("", "450 user unknown for now", "soft"),
        ("", "", "refused"),
        ("5.0.0", "554 something", "refused"),
        ("5.2.0", "", "refused"),
        ("5.4.1", "", "refused"),
        ("5.1.0", "550 <no-reply@school.example> sender rejected", "refused"),
        ("5.1.1", "550 too many recipients this hour", "refused"),
        ("5.1.8", "", "refused"),
        ("5.2.3", "", "refused"),
        ("5.3.4", "", "refused"),
        ("5.6.1", "", "refused"),
        ("5.7.26", "", "refused"),
    ],
)
def test_only_what_speaks_of_the_address_counts_against_it(status: str, words: str, kind: str) -> None:
    assert kind_of(status, words) == kind


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (report(), "hard", "5.1.1"),
        (report(action="FAILED"), "hard", "5.1.1"),
        (report(status="4.4.7"), "soft", "4.4.7"),
        (report(status="5.0.0", words="550 5.2.2 <ann@a.example> mailbox full"), "soft", "5.2.2"),
        (report(status="5.1.1", words="550 5.7.1 host 5.9.1.2 is listed"), "refused", "5.7.1"),
        (report(status="5.0.0", words="host 5.1.1.9 said: 550 user unknown"), "hard", "5.0.0"),
        (prose("<ann@a.example>: 550 5.1.1 no such user"), "hard", "5.1.1"),
        (prose("Hi. This is the program at old.example.\nSorry, no mailbox here."), "hard", ""),
        (prose("We could not say why."), "refused", ""),
        (prose("552 5.2.2 over quota", From="x@a.example", Return_Path="<>"), "soft", "5.2.2"),
        (complaint(), "complaint", ""),
        (complaint("fraud"), "complaint", ""),
    ],
)
def test_failures_and_complaints(data: bytes, kind: str, status: str) -> None:
    found = read(data)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    "data",
    [
        report(action="delayed", status="4.4.1"),
        report(action="delivered", status="2.1.5"),
        report(action="relayed", status="2.1.5"),
        complaint("not-spam"),
        complaint("virus"),
        complaint("auth-failure"),
        prose("I am away until Monday. Error 550.", From="ann@a.example", Auto_Submitted="auto-replied"),
        prose("I am away: 5.1.1", From="MAILER-DAEMON@x.example", Auto_Submitted="auto-replied (vacation)"),
        prose("Away", From="ann@a.example", Return_Path="<>"),
        prose("Away", From="ann@a.example", X_Autoreply="yes"),
        prose("Please take me off your list! 550 5.1.1", From="ann@a.example"),
    ],
)
def test_delays_automatic_answers_and_letters_say_nothing(data: bytes) -> None:
    found = read(data)
    assert found.kind is None
    assert found.detail


def test_a_report_on_several_recipients_tells_the_worst() -> None:
    groups = "\r\n\r\n".join(
        f"Final-Recipient: rfc822; {n}@a.example\r\nAction: {action}\r\nStatus: {status}"
        for n, action, status in [(1, "delayed", "4.0.0"), (2, "failed", "4.4.7"), (3, "failed", "5.1.1")]
    )
    parts = [("message/delivery-status", "Reporting-MTA: dns; a\r\n\r\n" + groups)]
    assert read(multipart({"To": CODE}, "delivery-status", parts)).status == "5.1.1"


FOLDED = "To: bounce+abcde\r\n fghij2345@bounces.school.example\r\n"


@pytest.mark.parametrize(
    "data",
    [
        report(),
        report(to=f'"Bounces" <{CODE.upper()}>').replace(b"ABCDEFGHIJ2345", b"abcdefghij2345"),
        FOLDED.encode() + report(to="x@y.example"),
        b"Delivered-To: " + CODE.encode() + b"\r\n" + report(to="undisclosed-recipients:;"),
        complaint(fields=f"\r\nOriginal-Mail-From: <{CODE}>"),
        complaint(returned=f"Return-Path: <{CODE}>"),
        multipart(
            {"To": "x@y.example"},
            "delivery-status",
            [("text/rfc822-headers", f"Return-Path: <{CODE}>\r\nSubject: x")],
        ),
    ],
)
def test_our_code_is_found_wherever_servers_leave_it(data: bytes) -> None:
    assert read(data).codes == OURS


def test_what_the_mail_server_says_comes_first() -> None:
    assert read(report(), to="bounce+zzzzzzzzzz22@b.example").codes == ("zzzzzzzzzz22", *OURS)


def test_the_opt_out_address_of_the_returned_message_tells_too() -> None:
    url = "https://school.example/u/email-AbCdEfGhJk23456789"
    found = read(complaint(returned=f"List-Unsubscribe:\r\n <{url}>"))
    assert found.tokens == ("email-AbCdEfGhJk23456789",)
    # In the report itself anybody could have written it.
    assert read(f"List-Unsubscribe: <{url}>\r\n".encode() + complaint()).tokens == ()


NASTY = [
    b"",
    b"\x00" * 5000,
    b"Content-Type: multipart/report; boundary=\r\n\r\n--\r\n",
    b"Content-Type: multipart/report; boundary=x\r\n\r\n" + b"--x\r\n" * 20_000,
    b"Content-Type: message/delivery-status\r\n\r\n" + b"Status: 5.1.1\r\n\r\n" * 5000,
    b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000)),
    b"Content-Type: text/plain; charset=no-such\r\nFrom: MAILER-DAEMON\r\n\r\n\xff\xfe",
    b"To: " + b"bounce+" * 50_000,
    b"Content-Transfer-Encoding: base64\r\nFrom: mailer-daemon\r\n\r\n!!!!",
    b"From: =?utf-8?b?" + b"/" * 9000 + b"?=\r\n\r\nx",
    b"From: mailer-daemon\r\nSubject: =?utf-8?b?/?=\r\n\r\nx",
    b"From: mailer-daemon\r\nSubject: =?no-such?q?x?= \xff\xfe\r\n\r\nx",
    b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n!\xff!",
]


@pytest.mark.parametrize("data", NASTY)
def test_no_message_is_too_broken(data: bytes) -> None:
    assert isinstance(read(data), Returned)


@given(st.binary(max_size=400), st.sampled_from([report(), complaint()]), st.integers(0, 900))
@settings(max_examples=60)
def test_no_bytes_in_a_report_raise(junk: bytes, data: bytes, place: int) -> None:
    assert isinstance(read(data[:place] + junk + data[place:]), Returned)


@given(st.binary(max_size=60), st.text(max_size=60), st.sampled_from(["b", "q"]))
@settings(max_examples=60)
def test_no_subject_raises(junk: bytes, words: str, how: str) -> None:
    subject = f"=?utf-8?{how}?{words}?=".encode("utf-8", "replace") + junk
    assert isinstance(read(b"From: mailer-daemon\r\nSubject: " + subject + b"\r\n\r\nx"), Returned)


def test_only_the_beginning_of_a_long_message_is_read() -> None:
    found = read(report() + b"x" * (3 * LONGEST))
    assert (found.kind, found.codes) == ("hard", OURS)
