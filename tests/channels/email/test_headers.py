"""Headers: names of senders however they are written, a list's id, message ids that nobody else has."""

from dataclasses import replace
from email import message_from_string, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.channels import installation
from crm_plugin.channels.email.carried_id import header_for
from crm_plugin.channels.email.channel import EMAIL
from crm_plugin.channels.email.feedback.webhook import read
from crm_plugin.channels.email.headers import list_header, mailbox_header, split_mailbox
from crm_plugin.channels.email.mime import Skeleton
from crm_plugin.channels.service import context
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.plugin import prepare
from tests.channels.email.test_email import CONTEXT, compiled, rendered
from tests.channels.email.test_email import read as parsed
from tests.fakes.crm import NOW, make_crm


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("School <a@b.example>", "School <a@b.example>"),
        ("School, Ltd. <a@b.example>", '"School, Ltd." <a@b.example>'),
        ('"School, Ltd." <a@b.example>', '"School, Ltd." <a@b.example>'),
        ("Smith & Co <a@b.example>", '"Smith & Co" <a@b.example>'),
        ("Dr. Who (London) <a@b.example>", '"Dr. Who (London)" <a@b.example>'),
        ('The "Best" School <a@b.example>', '"The \\"Best\\" School" <a@b.example>'),
        ("C:\\School <a@b.example>", '"C:\\\\School" <a@b.example>'),
        ("School@home <a@b.example>", '"School@home" <a@b.example>'),
        ("a@b.example", "a@b.example"),
        ("a@b.example (School)", "School <a@b.example>"),
        (" <a@b.example> ", "a@b.example"),
        ("网校 <a@b.example>", "=?utf-8?b?572R5qCh?= <a@b.example>"),
        ("=?x <a@b.example>", "=?utf-8?b?PT94?= <a@b.example>"),
    ],
)
def test_a_sender_is_taken_however_the_name_is_written(written: str, line: str) -> None:
    assert mailbox_header("From", written) == f"From: {line}\r\n"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200))
def test_any_name_comes_back_from_a_mail_program(name: str) -> None:
    name = " ".join(name.replace("<", "").replace(">", "").split()).strip('"')
    if not name:
        return
    line = mailbox_header("From", f"{name} <a@b.example>")
    assert all(len(piece) <= 78 for piece in line.split("\r\n"))
    (found,) = message_from_string(f"{line}\r\n", policy=policy.default)["From"].addresses
    assert found.addr_spec == "a@b.example"
    # Python keeps the blanks between encoded words, which belong to none (RFC 2047 6.2).
    assert "".join(found.display_name.split()) == "".join(name.split())


@pytest.mark.parametrize(
    "bad", ["", "School", "School <>", "School <a@b.example", "<a@b.example> x", "a@b.example, c@d.example"]
)
def test_what_is_no_mailbox_is_refused(bad: str) -> None:
    with pytest.raises(BadInput):
        mailbox_header("From", bad)


def test_the_envelope_takes_the_same_address() -> None:
    assert split_mailbox("School, Ltd. <a@b.example>") == ("School, Ltd.", "a@b.example")


def test_marketing_has_a_list_of_its_own_and_service_has_none() -> None:
    mail = parsed(rendered(compiled("<p>x</p>", context=replace(CONTEXT, site_name="School & Co"))))
    assert mail["List-Id"] == '"School & Co" <marketing.school.example>'
    assert parsed(rendered(compiled("<p>x</p>", "service")))["List-Id"] is None
    assert list_header("", "marketing.b.example") == "List-Id: <marketing.b.example>\r\n"
    assert list_header("a\r\nBcc: x", "b").count("\r\n") == 1


def test_message_ids_differ_between_installations(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, instance=str(tmp_path), public_url="https://one.example")
    copy = make_crm(database, instance=str(tmp_path), public_url="https://two.example")
    prepare(crm)
    with database.read() as session:
        first = context(crm, session, {}).mark
        assert first == context(crm, session, {}).mark, "each attempt has the same"
        assert first != context(copy, session, {}).mark
    made = EMAIL.compile({"subject": "x", "text": "y"}, "service", replace(CONTEXT, mark=first)).ready()
    assert parsed(rendered(made))["Message-ID"] == f"<17-4.{first}@school.example>"


def test_a_new_database_at_the_same_address_has_another_mark(database: Database) -> None:
    settings = make_crm(database).settings
    marks = []
    for _ in range(2):
        with database.begin() as session:
            installation.prepare(session)
            marks.append(installation.mark(session, settings))
            installation.prepare(session)
            assert installation.mark(session, settings) == marks[-1], "it is made once"
            session.rollback()
    assert len(set(marks)) == 2


@pytest.mark.parametrize(
    ("written", "row", "mark"),
    [
        ("<17-4@school.example>", (17, 4), ""),
        ("<17-4.0a1b2c3d4e@school.example>", (17, 4), "0a1b2c3d4e"),
        ("17-4.0a1b2c3d4e@school.example", (17, 4), "0a1b2c3d4e"),
    ],
)
def test_message_ids_of_earlier_versions_are_read_too(written: str, row: tuple[int, int], mark: str) -> None:
    (found,) = read(f'{{"events": [{{"kind": "hard", "message_id": "{written}"}}]}}'.encode()).events
    assert (found.row, found.mark) == (row, mark)


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("smtp://u:p@smtp.postmarkapp.com:587", "X-PM-Metadata-crm"),
        ("smtp://u:p@smtp-broadcasts.postmarkapp.com:587", "X-PM-Metadata-crm"),
        ("smtp://u:p@SMTP-relay.brevo.com:587", "X-Mailin-custom"),
        ("smtp://smtp-relay.sendinblue.com", "X-Mailin-custom"),
        ("smtp://notbrevo.com", ""),
        ("smtp://brevo.com.example", ""),
        ("smtp://[broken", ""),
        ("", ""),
    ],
)
def test_a_provider_with_ids_of_its_own_carries_ours(url: str, header: str) -> None:
    found = header_for(url)
    head = Skeleton("", "school.example", "0a", id_header=found).head("", "17-4", NOW)
    lines = head.split("\r\n")
    assert found == header
    assert (f"{header}: 17-4.0a@crm" in lines, "@crm" in head) == (bool(header), bool(header))
    assert "Message-ID: <17-4.0a@school.example>" in lines


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_the_mail_server_of_the_settings_decides_what_carries_our_id(
    database: Database, tmp_path: Path
) -> None:
    facts = {"smtp_url": "smtp://u:p@smtp-relay.brevo.com:587", "instance": str(tmp_path)}
    crm = make_crm(database, **facts)  # type: ignore[arg-type]
    with crm.db.begin() as session:
        known = context(crm, session, {})
    ready = compiled("<p>x</p>", context=replace(CONTEXT, mark="0a", id_header=known.id_header))
    assert parsed(rendered(ready))["X-Mailin-custom"] == "17-4.0a@crm"
    assert parsed(rendered(compiled("<p>x</p>")))["X-Mailin-custom"] is None
