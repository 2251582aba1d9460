"""Messages as mail servers write them when something came back, put together by the standards."""

from collections.abc import Mapping

CODE = "bounce+abcdefghij2345@bounces.school.example"
_EDGE = "=_edge"


def report(action: str = "failed", status: str = "5.1.1", words: str = "", to: str = CODE) -> bytes:
    """A report of RFC 3464 with the headers of what it returns."""
    fields = [f"Final-Recipient: rfc822; ann@a.example\r\nAction: {action}\r\nStatus: {status}"]
    if words:
        fields[0] += f"\r\nDiagnostic-Code: smtp; {words}"
    return multipart(
        {"To": to, "From": "MAILER-DAEMON@mx.a.example", "Auto-Submitted": "auto-replied"},
        "delivery-status",
        [
            ("text/plain", "Your message could not be delivered."),
            ("message/delivery-status", "Reporting-MTA: dns; mx.a.example\r\n\r\n" + "\r\n\r\n".join(fields)),
            ("text/rfc822-headers", "From: School <no-reply@school.example>\r\nSubject: Offers"),
        ],
    )


def complaint(kind: str = "abuse", fields: str = "", returned: str = "Subject: Offers") -> bytes:
    """A report of RFC 5965 with the message that it is about."""
    told = f"Feedback-Type: {kind}\r\nUser-Agent: Box/1\r\nVersion: 1{fields}"
    return multipart(
        {"To": "abuse@school.example", "From": "loop@box.example"},
        "feedback-report",
        [
            ("text/plain", "This is a report on spam."),
            ("message/feedback-report", told),
            ("message/rfc822", f"From: School <no-reply@school.example>\r\n{returned}\r\n\r\nHello"),
        ],
    )


def multipart(headers: Mapping[str, str], kind: str, parts: list[tuple[str, str]]) -> bytes:
    """A message of ``multipart/report``."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    content = f'multipart/report; report-type={kind}; boundary="{_EDGE}"'
    text = f"{head}MIME-Version: 1.0\r\nContent-Type: {content}\r\n\r\n"
    for content, body in parts:
        text += f"--{_EDGE}\r\nContent-Type: {content}\r\n\r\n{body}\r\n\r\n"
    return (text + f"--{_EDGE}--\r\n").encode()


def prose(body: str, **headers: str) -> bytes:
    """A message of text alone; names of headers with ``_`` for ``-``."""
    own = {"From": "MAILER-DAEMON@old.example", "To": CODE, **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in own.items())
    return f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()
