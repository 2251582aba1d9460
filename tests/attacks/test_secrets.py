"""Keys that sign something: a short one is guessed from what it signed, so it is refused at the start."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from crm_plugin.cli import flask_group
from crm_plugin.cli.doctor.checks import examine
from crm_plugin.kernel.credentials.secret import SHORTEST_KEY, kept_secret
from crm_plugin.kernel.db.engine import Database
from crm_plugin.kernel.errors import BadInput
from crm_plugin.kernel.settings import Settings
from crm_plugin.plugin import open_crm
from tests.fakes.crm import make_crm

SHORT = ["k", "k" * (SHORTEST_KEY - 1), " " * 40, " " * 20 + "k" * 20]


@pytest.mark.parametrize("key", SHORT)
def test_a_short_key_is_refused_and_never_shown(key: str) -> None:
    with pytest.raises(BadInput) as caught:
        Settings(secret_key=key)
    assert caught.value.code == "settings.short_secret"
    assert "kk" not in str(caught.value)
    assert Settings(secret_key="k" * SHORTEST_KEY).secret_key == "k" * SHORTEST_KEY


@pytest.mark.parametrize("command", ["doctor", "serve", "init", "worker"])
def test_each_start_and_the_doctor_say_so_in_one_line(command: str, tmp_path: Path) -> None:
    environment = {"CRM_SECRET_KEY": "hunter2", "CRM_INSTANCE": str(tmp_path)}
    result = CliRunner().invoke(flask_group, [command], env=environment)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "secret_key has 7 characters and needs 32" in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize("left", ["", "\n", "cut"])
def test_a_kept_key_that_was_cut_is_refused(left: str, tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    assert len(kept_secret(file)) >= SHORTEST_KEY
    file.write_text(left)
    with pytest.raises(BadInput) as caught:
        open_crm(Settings(instance=str(tmp_path)))
    assert (caught.value.code, str(file) in str(caught.value)) == ("settings.short_secret", True)


@pytest.mark.parametrize("db_kind", ["sqlite"], indirect=True)
def test_the_doctor_names_secrets_of_callbacks_that_are_too_short(database: Database, tmp_path: Path) -> None:
    crm = make_crm(database, bounce_secret="short", instance=str(tmp_path))
    lines = {line.name: line for line in examine(crm)}
    assert not lines["events of e-mail"].ok
    assert "bounce_secret" in lines["events of e-mail"].detail
