"""Texts as a Moodle site shows them: one language of a title in several, names in the site's order."""

import re
from dataclasses import dataclass

import sqlalchemy as sa

CONFIG = sa.table("mdl_config", sa.column("name", sa.Text), sa.column("value", sa.Text))
_SURNAME_FIRST = ("zh", "ja", "ko", "hu")
"""Languages in whose Moodle the surname stands first."""
_NAME_PARTS = re.compile("firstnamephonetic|lastnamephonetic|middlename|alternatename|firstname|lastname")
_LANG = r'(?=[^>]*\blang="([\w-]+)")'
_SPAN = rf'<span(?=[^>]*\bclass="multilang"){_LANG}[^>]*>(.*?)</span>'
_SPANS = re.compile(rf"{_SPAN}(?:\s*{_SPAN})+", re.DOTALL)
_BLOCK = re.compile(r"\{mlang ([^}]+)\}(.*?)\{mlang\}", re.DOTALL)
_OTHER = "other"


@dataclass(frozen=True)
class SiteText:
    """How a site shows its texts.

    :param language: of the site, such as ``zh_cn``.
    :param name_order: the site's setting; empty or ``language`` = as the language has it.
    """

    language: str = "en"
    name_order: str = ""

    def title(self, text: str) -> str:
        """Return a title in the site's language, where it is written in several."""
        text = _SPANS.sub(lambda found: self._of(re.findall(_SPAN, found[0], re.DOTALL)), text)
        blocks = [(language, said) for names, said in _BLOCK.findall(text) for language in names.split(",")]
        chosen = self._of(blocks)
        texts = iter((chosen,))
        return _BLOCK.sub(lambda _found: next(texts, ""), text).strip() if blocks else text

    def name(self, first: str | None, last: str | None) -> str:
        """Return a person's full name."""
        order = self.name_order
        if order in ("", "language"):
            order = "lastname firstname" if self._base in _SURNAME_FIRST else "firstname lastname"
        parts = {"firstname": first or "", "lastname": last or ""}
        shown = _NAME_PARTS.sub(lambda found: parts.get(found[0], ""), order)
        shown = " ".join(re.sub(r"\(\s*\)", "", shown).split()).strip(" ,")
        # Chinese, Japanese and Korean names are written without a blank.
        return re.sub(r"(?<=[\u3040-\u9fff\uac00-\ud7af]) (?=[\u3040-\u9fff\uac00-\ud7af])", "", shown)

    @property
    def _base(self) -> str:
        return self.language.lower().replace("-", "_").partition("_")[0]

    def _of(self, said: list[tuple[str, str]]) -> str:
        by_language: dict[str, str] = {}
        for language, text in said:
            by_language.setdefault(language.strip().lower().replace("-", "_"), text.strip())
        wanted = (self.language.lower(), self._base, _OTHER, *by_language)
        return next((by_language[one] for one in wanted if one in by_language), "")


def configured(connection: sa.Connection, *names: str) -> dict[str, str]:
    """Return those settings of the site that can be read."""
    if not sa.inspect(connection).has_table(CONFIG.name):
        return {}
    rows = connection.execute(sa.select(CONFIG.c.name, CONFIG.c.value).where(CONFIG.c.name.in_(names)))
    return {row.name: row.value or "" for row in rows}


def site_text(connection: sa.Connection) -> SiteText:
    """Return how this site shows its texts."""
    found = configured(connection, "lang", "fullnamedisplay")
    return SiteText(found.get("lang") or "en", found.get("fullnamedisplay", ""))
