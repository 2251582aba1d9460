"""A campaign file as JSON Schema, for the document of the API; made of what its reading checks."""

from typing import Any

from crm_plugin.campaigns.document import personalisation, schemas
from crm_plugin.campaigns.policy.rules import LACKING
from crm_plugin.channels.content import LIMIT
from crm_plugin.channels.email.html import LONGEST
from crm_plugin.channels.registry import CHANNELS

Json = dict[str, Any]

_TREE: Json = {"$ref": "#/components/schemas/Tree"}
_INSTANT: Json = {"type": "string", "description": "Such as `2026-03-01T09:00:00Z`."}
_NAMED = f"^{schemas.VARIABLE}$"


def file_schemas() -> dict[str, Json]:
    """Return the schemas of campaign files by their names."""
    return {
        "CampaignFile": _object(
            "A campaign file.", {**_heads(), **_content()}, ("name", "channel", "audience")
        ),
        "MessageFile": _object(
            "A campaign file without an audience: a message to one person.",
            {**_heads(), "audience": {"description": "Ignored."}, **_content()},
            ("channel",),
        ),
        "Content": _object(
            "What a campaign says; a launch adds what it holds on to.",
            {**_content(), "template_version": {"type": "integer"}, "link_mode": {"type": "string"}},
        ),
        "Policy": _object("When nobody is written to; without a key there is no such rule.", _policy()),
        "QuietHours": _object("Nothing leaves then, by the recipient's clock.", _quiet(), ("from", "to")),
    }


def _object(description: str, properties: Json, required: tuple[str, ...] = ()) -> Json:
    found = {"type": "object", "description": description, "properties": properties}
    return {**found, "required": [*required], "additionalProperties": False}


def _heads() -> Json:
    known: Json = {
        "name": _text(191),
        "channel": {"type": "string", "enum": [*CHANNELS]},
        "purpose": {"type": "string", "enum": [*schemas.PURPOSES]},
        "topic": {
            "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}],
            "description": "The name of a topic, or its number.",
        },
        "audience": _TREE,
        "policy": {"$ref": "#/components/schemas/Policy"},
        "holdout": {"type": "number", "minimum": 0, "maximum": 1},
        "at": _or_null(
            {"type": "string", "description": "When to begin; without a zone by `zone`'s clocks."}
        ),
        "zone": _or_null({"type": "string", "maxLength": 64, "description": "Such as `Asia/Shanghai`."}),
    }
    return {key: known[key] for key in schemas.KEYS}


def _content() -> Json:
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    columns = {"type": "string", "enum": [*personalisation.COLUMNS]}
    fallback = {"type": "string", "minLength": 1, "maxLength": personalisation.LONGEST}
    known: Json = {
        **{key: _text(LIMIT) for key in ("template", "subject", "text", "link")},
        **{key: _text(191) for key in ("course", "class", "level")},
        "html": _text(LONGEST),
        "variables": {**texts, "propertyNames": {"pattern": _NAMED}},
        "personal": {"type": "object", "additionalProperties": columns},
        "fallbacks": {"type": "object", "additionalProperties": fallback},
        "lacking": {"type": "string", "enum": [*LACKING]},
    }
    return {key: _or_null(known[key]) for key in schemas.CONTENT}


def _policy() -> Json:
    known: Json = {
        **{key: one.schema() for key, one in schemas.NUMBERS.items()},
        "quiet_hours": {"$ref": "#/components/schemas/QuietHours"},
        "goal": _TREE,
        "expires_at": _INSTANT,
        "open_course": {
            "type": "boolean",
            "description": "Nothing leaves once the course or class takes nobody any more.",
        },
        "once": {"type": "boolean", "description": "In a campaign that repeats: nobody gets it twice."},
    }
    return {key: known[key] for key in schemas.POLICY}


def _quiet() -> Json:
    clock = {"type": "string", "pattern": f"^{schemas.CLOCK}$", "description": "Such as `21:00`."}
    return {"from": clock, "to": clock}


def _text(most: int) -> Json:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _or_null(schema: Json) -> Json:
    if "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}
