"""A client that is generated from the document of the API works, with its types."""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from crm_plugin.web.api import ROUTES
from crm_plugin.web.api.openapi import made
from tests.web.fixtures import PEOPLE, School
from tests.web.test_api import Program, on_sqlite

NAME = "generated_crm_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a client generated from the document; a warning of the generator is a failure."""
    folder = tmp_path_factory.mktemp("client")
    document, settings = folder / "openapi.json", folder / "settings.json"
    document.write_text(json.dumps(made([one for part in ROUTES for one in part.endpoints], "/admin/crm")))
    settings.write_text(json.dumps({"post_hooks": []}))
    generator = f"{Path(sys.executable).with_name('openapi-python-client')} generate --fail-on-warning"
    options = f"--path {document} --config {settings} --meta none --output-path {folder / NAME}"
    done = subprocess.run(f"{generator} {options}".split(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder / NAME
    sys.path.remove(str(folder))


def _load(name: str) -> ModuleType:
    return importlib.import_module(f"{NAME}.{name}")


def _client(school: School) -> Any:
    transport = httpx.WSGITransport(app=school.app)
    return _load("client").AuthenticatedClient(
        base_url="http://school.example/admin/crm",
        token=Program(school).token,
        raise_on_unexpected_status=True,
        httpx_args={"transport": transport},
    )


@on_sqlite
def test_a_generated_client_asks_and_writes(school: School, generated: Path) -> None:
    models, client = _load("models"), _client(school)

    def call(operation: str, *values: Any, **options: Any) -> Any:
        return _load(f"api.{operation}").sync(*values, client=client, **options)

    bought = models.ValueRule(field="paid_count", operator=models.ValueRuleOperator(">"), value=0)
    group = models.Group(combinator=models.GroupCombinator("or"), rules=[bought])
    tree = models.Tree(combinator=models.TreeCombinator("and"), rules=[group])
    assert call("segments.count_people", body=tree).count == PEOPLE / 2
    page = call("segments.list_people", body=tree, limit=2)
    assert [row.paid_count for row in page.items] == [1, 1]
    file = models.CampaignFile(
        name="News",
        channel=models.CampaignFileChannel("email"),
        purpose=models.CampaignFilePurpose("service"),
        audience=tree,
        policy=models.Policy(quiet_hours=models.QuietHours(from_="21:00", to="08:00")),
        subject="Hello",
        html="<p>Hello</p>",
    )
    ident = call("campaigns.create_campaign", body=file).id
    assert call("campaigns.get_campaign_status", ident).books.considered == 0
    kept = call("campaigns.get_campaign_file", ident).file
    assert (kept.audience.to_dict(), kept.policy.quiet_hours.to) == (tree.to_dict(), "08:00")
    refused = call("campaigns.get_campaign_status", 999_999)
    assert (type(refused), refused.error) == (models.Error, "object.missing")


@on_sqlite
def test_every_answer_without_an_id_is_understood(school: School, generated: Path) -> None:
    client, called = _client(school), 0
    for part in pkgutil.walk_packages([str(generated / "api")], f"{NAME}.api."):
        if part.ispkg:
            continue
        operation = importlib.import_module(part.name)
        if _asks(operation) or "openapi" in part.name:
            continue
        if operation._get_kwargs()["method"] == "get":
            assert operation.sync(client=client) is not None, part.name
            called += 1
    assert called > 12


def _asks(operation: ModuleType) -> bool:
    """Return whether an operation needs something: a value of the path, or a body."""
    needed = operation._get_kwargs.__kwdefaults__ or {}
    code = operation._get_kwargs.__code__
    return bool(code.co_argcount or code.co_kwonlyargcount > len(needed))


@pytest.mark.long
def test_its_types_are_strict(generated: Path) -> None:
    command = (
        f"{sys.executable} -m mypy --strict --config-file= --cache-dir {generated.parent}/kept {generated}"
    )
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
