"""Alembic's environment: the connection is passed in; only ``crm_`` tables are looked at."""

from typing import Any, Literal

from alembic import context

from crm_plugin.kernel.migrate import VERSION_TABLE
from crm_plugin.tables import metadata


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or (name or "").startswith("crm_")


def _render(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    if kind != "type" or type(item).__module__ != "crm_plugin.kernel.db.types":
        return False
    autogen.imports.add("from crm_plugin.kernel.db import types as db")
    length = getattr(item, "length", None)
    return f"db.{type(item).__name__}({length or ''})"


def _differs(about: Any, _column: Any, _of_model: Any, found: Any, wanted: Any) -> bool | None:
    """Compare what Alembic does not look at: widths beside texts, collations, parts of a second."""
    kind = wanted.dialect_impl(about.dialect)
    kind = getattr(kind, "impl", kind)
    looked_at = ["fsp", *(name for name in ("length", "collation") if hasattr(kind, name))]
    if any(getattr(found, name, None) != getattr(kind, name, None) for name in looked_at):
        return True
    return None  # the rest is Alembic's own comparison


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_ours,
    render_item=_render,
    compare_type=_differs,
)
with context.begin_transaction():
    context.run_migrations()
