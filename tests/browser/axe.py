"""axe-core in a page: contrast AA, labels, roles and landmarks, as the rules of WCAG 2.2 A and AA say."""

from pathlib import Path

from playwright.sync_api import Page

_SOURCE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
    // Frames of letters are sandboxed: nobody can be asked in there.
    const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const found = await axe.run(document, {iframes: false, runOnly: rules});
    return found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 160))]);
}"""


def complaints_of(page: Page) -> list[tuple[str, list[str]]]:
    """Return (rule, offending elements) of the page as it stands."""
    # An evaluated script is not bound by the page's policy, which forbids one from outside.
    page.evaluate(_SOURCE.read_text("utf-8"))
    found: list[tuple[str, list[str]]] = page.evaluate(_RUN)
    return found
