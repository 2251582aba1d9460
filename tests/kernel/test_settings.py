"""One table of settings: file, variables over it, and words for what is wrong."""

from pathlib import Path

import pytest

from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import TABLE, Settings, load


def test_variables_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "crm.toml"
    file.write_text('host_region = "GB"\nlease_seconds = 30\n', encoding="utf-8")
    settings = load({"CRM_LEASE_SECONDS": "5"}, file)
    assert (settings.host_region, settings.lease_seconds, settings.host_timezone) == ("GB", 5, "UTC")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nosuch = 1", "unknown setting nosuch"),
        ('lease_seconds = "soon"', "lease_seconds: 'soon' is not a number"),
        ('host_timezone = "Europe/Nowhere"', "host_timezone: 'Europe/Nowhere' is not a time zone"),
        ("host = ", "crm.toml:"),
    ],
)
def test_bad_settings_are_one_line_that_names_them(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "crm.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load({}, file)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    settings = Settings(smtp_url="smtp://user:hidden@mail.example", secret_key="hidden" * 6)
    assert "hidden" not in repr(settings.shown())
    assert {row.name for row in TABLE} == set(settings.shown())
    plain = Settings(public_url="https://crm.example")
    assert plain.shown()["public_url"] == "https://crm.example", "what is no secret is shown as it is"
    assert plain.shown()["smtp_url"] == "", "a secret that is not set is shown so"
