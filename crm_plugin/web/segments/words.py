"""Words of fields inside the errors about a filter."""

from crm_plugin.segments.language.fields import FIELDS, RELATIONS, Field, Relation
from crm_plugin.web.shell.i18n import locale

_ABOUT_FIELDS = (
    *("bad_value", "unknown_operator", "field_not_offered"),
    *("needs_contacts", "needs_money"),
)


def _field(name: str) -> str:
    """Return the label of a field of searches; another name as it is."""
    related = [relation.fields.get(name) for _name, relation in RELATIONS.items()]
    known: list[Field | Relation | None] = [FIELDS.get(name), RELATIONS.get(name), *related]
    labels = [one.label for one in known if one is not None]
    return labels[0].of(locale()) if labels else name


SPOKEN = {("segment." + code, "field"): _field for code in _ABOUT_FIELDS}
"""(code of an error, its parameter) → the words for it."""
