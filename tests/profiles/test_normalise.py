"""One spelling, by the same rules everywhere."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.profiles.store.email_addresses import clean_email, email_key
from crm_plugin.profiles.store.normalise import fold
from crm_plugin.profiles.store.phone_numbers import phone_key


def test_fold_makes_spellings_alike() -> None:
    assert fold("ＡＢＣ１２３") == fold("abc123") == "abc123"
    assert fold("Straße") == fold("STRASSE")
    assert fold("ﬁne") == "fine"
    assert fold("x" * 300) == "x" * 300
    assert fold("x" * 300, 255) == "x" * 255


@pytest.mark.parametrize(
    "name", ["İstanbul", "ISTANBUL", "istanbul", "ıstanbul", "i\u0307stanbul", "I\u0307stanbul"]
)
def test_a_turkish_i_is_found_by_a_plain_one(name: str) -> None:
    assert fold(name) == "istanbul"


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
        ("\ufeffada@school.example", "ada@school.example"),
        ("ada@school.example\u200b", "ada@school.example"),
        ("\u202aada@school.example\u202c", "ada@school.example"),
        ("ada@school.example.", "ada@school.example"),
        ("ada@school.example。", "ada@school.example"),
        ("a@x.example; b@y.example", "a@x.example"),
        ("a@x.example，b@y.example", "a@x.example"),
        ("a@x.example/b@y.example", "a@x.example"),
        ("a/b@x.example", "a/b@x.example"),
        ("none; b@y.example", "b@y.example"),
        ("Ada Lovelace <Ada@School.example>", "ada@school.example"),
        ("ada@school.example（妈妈）", "ada@school.example"),
        (".ada@school.example", None),
        ("王芳@example.com", "王芳@example.com"),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        ("ab.@docomo.ne.jp", "ab.@docomo.ne.jp"),
        ("a..b@ezweb.ne.jp", "a..b@ezweb.ne.jp"),
        (".ab@docomo.ne.jp", None),
    ],
)
def test_email_key(text: str | None, key: str | None) -> None:
    assert email_key(text) == key


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("\ufeff Ada@School.Example.", "Ada@School.Example"),
        ("Ada@x.example; b@y.example", "Ada@x.example"),
        ("王芳@example.com", "王芳@example.com"),
        (" no address ", "no address"),
        (" ", None),
    ],
)
def test_what_is_written_to_is_the_first_address(text: str, address: str | None) -> None:
    assert clean_email(text) == address


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
        ("13800138000.0", "CN", "+8613800138000"),
        ("+8613800138000.0", None, "+8613800138000"),
        ("13800138000.5", "CN", None),
        ("1.3800138e10", "CN", None),
        ("1.38E+10", "CN", None),
        ("13,800,138,000", "CN", None),
        ("138****8000", "CN", None),
        ("07700 ***0900123", "GB", None),
        ("138…8000", "CN", None),
        ("1380013", "CN", None),
        ("138001380009", "CN", None),
        ("138 0013 8000 9", "CN", None),
        ("1380013 abcd", "CN", None),
        ("12800138000", "CN", None),
        ("0013800138000", "CN", None),
        ("+13800138000", "CN", None),
        ("013800138000", "CN", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("17951 13800138000", "CN", "+8613800138000"),
        ("400-820-8820", "CN", None),
        ("+864008208820", None, None),
        ("800 820 8820", "CN", None),
        ("95588", "CN", None),
        ("106575258188", "CN", None),
        ("+8610062345678", None, None),
        ("1-800-356-9377", "US", None),
        ("+1 900 555 1234", None, None),
        ("0900 1234567", "DE", None),
        ("+44 70 1234 5678", None, None),
        ("212 555 0123", "US", "+12125550123"),
        ("212 555 0123 ext. 42", "US", None),
        ("010-62345678转801", "CN", None),
        ("13800138000 妈妈", "CN", "+8613800138000"),
        ("妈妈：13800138000", "CN", "+8613800138000"),
        ("13800138000（妈妈）", "CN", "+8613800138000"),
        ("13800138000/13900139000", "CN", "+8613800138000"),
        ("13800138000 13900139000", "CN", "+8613800138000"),
        ("138-0013-8000、139-0013-9000", "CN", "+8613800138000"),
        ("13800138000\n13900139000", "CN", "+8613800138000"),
        ("010-62345678, 13800138000", "CN", "+8613800138000"),
        ("+447700900123 +447700900124", None, "+447700900123"),
        ("0171/1234567", "DE", "+491711234567"),
        ("0171/1234567, 0172/7654321", "DE", "+491711234567"),
        ("06.12.34.56.78", "FR", "+33612345678"),
        ("\u202a+86 138 0013 8000\u202c", None, "+8613800138000"),
        ("138–0013–8000", "CN", "+8613800138000"),
        (None, "CN", None),
    ],
)
def test_phone_key(text: str | None, region: str | None, key: str | None) -> None:
    assert phone_key(text, region) == key


@given(st.text(max_size=40), st.sampled_from([None, "CN", "GB"]))
def test_any_text_is_answered(text: str, region: str | None) -> None:
    assert (phone_key(text, region) or "+1").startswith("+")
    assert "@" in (email_key(text) or "@")


_TORN = st.lists(st.sampled_from(list("0123456789 -*./,eE+x转妈")), max_size=14).map("".join)


@given(_TORN, _TORN)
def test_a_damaged_number_is_never_another_one(before: str, after: str) -> None:
    """Whatever stands around a number: its digits are those of one number in the text, or there is none."""
    text = f"{before}13800138000{after}"
    key = phone_key(text, "CN")
    digits = "".join(letter for letter in text if letter.isdigit())
    assert key is None or key.lstrip("+").removeprefix("86") in digits
