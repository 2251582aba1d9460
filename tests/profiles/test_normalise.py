"""One spelling, by the same rules everywhere."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.profiles.store.normalise import email_key, fold, phone_key


def test_fold_makes_spellings_alike() -> None:
    assert fold("ＡＢＣ１２３") == fold("abc123") == "abc123"
    assert fold("Straße") == fold("STRASSE")
    assert fold("ﬁne") == "fine"
    assert fold("x" * 300) == "x" * 255


@given(st.text(max_size=80))
def test_fold_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ada@School.Example", "ada@school.example"),
        ("  ada@school.example ", "ada@school.example"),
        ("ａｄａ＠school.example", "ada@school.example"),
        ("ada@Exämple.org", "ada@xn--exmple-cua.org"),
        ("josé@school.example", "josé@school.example"),
        ("jose@school.example", "jose@school.example"),
        ("ada@localhost", None),
        ("ada@school.invalid", None),
        ("user_3@site.local", None),
        ("ada..b@school.example", None),
        ("ada", None),
        ("", None),
        (None, None),
        ("a@b@c.example", None),
    ],
)
def test_email_key(text: str | None, key: str | None) -> None:
    assert email_key(text) == key


_LOCAL = st.text("abz09._+-", min_size=1, max_size=12)
_DOMAIN = st.text("abz09.-", min_size=1, max_size=16)


@given(_LOCAL, _DOMAIN, st.sampled_from(["org", "example", "test", "c", "x1", "中国"]))
def test_the_short_way_agrees_with_the_validator(local: str, domain: str, top: str) -> None:
    address = f"{local}@{domain}.{top}"
    try:
        valid = validate_email(address, check_deliverability=False)
        expected = f"{valid.local_part}@{valid.ascii_domain}".lower()
    except EmailNotValidError:
        expected = None
    assert email_key(address) == expected


@pytest.mark.parametrize(
    ("text", "region", "key"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("+86 138-0013-8000", None, "+8613800138000"),
        ("0086 13800138000", "CN", "+8613800138000"),
        ("0086 13800138000", None, "+8613800138000"),
        ("010-62345678", "CN", None),
        ("07700 900123", "GB", "+447700900123"),
        ("(+44) 7700 900123", "GB", "+447700900123"),
        ("020 7946 0018", "GB", None),
        ("07700 900123", None, None),
        ("n/a", "GB", None),
        ("12", "CN", None),
        ("+" + "1" * 40, "US", None),
        (None, "CN", None),
    ],
)
def test_phone_key(text: str | None, region: str | None, key: str | None) -> None:
    assert phone_key(text, region) == key


@given(st.text(max_size=40), st.sampled_from([None, "CN", "GB"]))
def test_any_text_is_answered(text: str, region: str | None) -> None:
    assert (phone_key(text, region) or "+1").startswith("+")
    assert "@" in (email_key(text) or "@")
