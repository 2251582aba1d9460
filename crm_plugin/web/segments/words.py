"""Words of fields inside the errors about a filter."""

from crm_plugin.segments.extension import fields_of, relations_of
from crm_plugin.segments.language.definitions import Field, Relation
from crm_plugin.web.shell.guard import crm
from crm_plugin.web.shell.i18n import Words, locale

_ABOUT_FIELDS = (
    *("bad_value", "unknown_operator", "field_not_offered"),
    *("needs_contacts", "needs_money"),
)


def _field(name: str) -> str:
    """Return the label of a field of segments; another name as it is."""
    fields, relations = fields_of(crm()), relations_of(crm())
    related = [relation.fields.get(name) for relation in relations.values()]
    known: list[Field | Relation | None] = [fields.get(name), relations.get(name), *related]
    labels = [one.label for one in known if one is not None]
    return labels[0].of(locale()) if labels else name


_SPOKEN = {("segment." + code, "field"): _field for code in _ABOUT_FIELDS}
"""(code of an error, its parameter) → the words for it."""

WORDS = Words(spoken=_SPOKEN)
"""What this room says."""
