"""Codes: short, canonical, and refused after any change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_plugin.links.codes import ALPHABET, CODE_MAC, LONGEST, Signer, key_of

SIGNER = Signer({1: b"a" * 32})
NUMBERS = st.integers(1, 2**32 - 1)
ROWS = st.integers(0, 2**40)


@given(NUMBERS, ROWS, st.integers(1, 200))
def test_a_code_reads_back(link: int, row: int, key: int) -> None:
    signer = Signer({key: b"k" * 32})
    assert signer.read(signer.code(link, row)) == (link, row)
    assert key_of(signer.code(link, row)) == key


@given(NUMBERS, ROWS, st.data())
def test_one_changed_letter_is_refused(link: int, row: int, data: st.DataObject) -> None:
    code = SIGNER.code(link, row)
    place = data.draw(st.integers(0, len(code) - 1))
    letter = data.draw(st.sampled_from([letter for letter in ALPHABET if letter != code[place]]))
    assert SIGNER.read(code[:place] + letter + code[place + 1 :]) is None


@given(st.text(max_size=40))
def test_text_that_we_did_not_sign_is_refused(text: str) -> None:
    assert SIGNER.read(text) is None
    assert SIGNER.read_opt_out(text) is None


@pytest.mark.parametrize("change", ["2{0}", "{0}2", "{0} ", "{0}/", "", "2" * LONGEST, "z" * 10_000])
def test_other_spellings_are_refused(change: str) -> None:
    assert SIGNER.read(change.format(SIGNER.code(7, 12345))) is None


@pytest.mark.parametrize(("link", "row"), [(20, 20_000), (300, 1_000_000), (1_000, 10_000_000)])
def test_codes_are_short(link: int, row: int) -> None:
    assert 13 <= len(SIGNER.code(link, row)) <= 15
    assert CODE_MAC >= 40


def test_the_newest_key_signs_and_old_ones_verify() -> None:
    old = SIGNER.code(5, 6)
    both = Signer({1: b"a" * 32, 2: b"b" * 32})
    assert both.read(old) == (5, 6)
    assert SIGNER.read(both.code(5, 6)) is None
    assert Signer({2: b"b" * 32}).read(both.code(5, 6)) == (5, 6)


@given(NUMBERS, ROWS, st.sampled_from(["sms", "email", "message"]))
def test_an_opt_out_token_is_bound_to_person_channel_and_use(person: int, row: int, channel: str) -> None:
    token = SIGNER.opt_out_token(person, channel, row)
    assert SIGNER.read_opt_out(token) == (person, channel, row)
    code = token.partition("-")[2]
    other = "sms" if channel != "sms" else "email"
    assert SIGNER.read_opt_out(f"{other}-{code}") is None
    assert SIGNER.read(code) is None


@pytest.mark.parametrize(("link", "row"), [(0, 1), (-1, 1), (2**32, 1), (1, -1)])
def test_numbers_that_no_row_has_are_refused(link: int, row: int) -> None:
    with pytest.raises(ValueError):
        SIGNER.code(link, row)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**40))
def test_codes_of_return_paths_survive_small_letters(person: int, row: int) -> None:
    signer = Signer({1: b"k" * 32, 7: b"m" * 32})
    code = signer.bounce_code(person, row)
    assert code == code.lower()
    assert len(f"bounce+{code}") <= 64, "what stands before the @ has at most 64 letters"
    assert signer.read_bounce(code) == signer.read_bounce(code.upper()) == (person, row)
    assert Signer({1: b"x" * 32, 7: b"y" * 32}).read_bounce(code) is None


@given(st.text(max_size=80))
def test_no_other_text_is_a_code_of_a_return_path(text: str) -> None:
    assert Signer({1: b"k" * 32}).read_bounce(text) is None
