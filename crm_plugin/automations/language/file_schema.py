"""The file of an automation as JSON Schema, for the document of the API; made of what its reading checks."""

from typing import Any

from crm_plugin.automations.language.causes import DATES
from crm_plugin.automations.language.reading import (
    ELSE,
    ENTERED_AGAIN,
    LONGEST,
    MOST_STEPS,
    SIDES,
    TRIGGERS,
    UNITS,
)
from crm_plugin.boards.stages.stage_trees import AUDIENCES, STAGES
from crm_plugin.campaigns.document.file_schema import file_schemas as campaign_schemas
from crm_plugin.campaigns.document.schemas import CLOCK, CONTENT, PURPOSES

Json = dict[str, Any]
_TREE: Json = {"$ref": "#/components/schemas/Tree"}


def file_schemas() -> dict[str, Json]:
    """Return the schemas of automations' files by their names."""
    return {
        "AutomationFile": _object("The file of an automation.", _heads(), ("name", "trigger", "steps")),
        "AutomationTrigger": _object("What starts it for a person.", _trigger(), ("on",)),
        "AutomationStep": _object("One of `wait`, `if` and `send`.", _step(), ()),
        "AutomationWait": _object("How long, after the step before or before the cause's deadline.", _wait()),
        "AutomationMessage": _object("What is sent: a campaign's content.", _message(), ("channel",)),
    }


def _object(description: str, properties: Json, required: tuple[str, ...] = ("n", "unit")) -> Json:
    found = {"type": "object", "description": description, "properties": properties}
    return {**found, "required": [*required], "additionalProperties": False}


def _heads() -> Json:
    campaign = campaign_schemas()["CampaignFile"]["properties"]
    again = {"type": ["integer", "null"], "minimum": 0, "maximum": ENTERED_AGAIN}
    return {
        **{key: campaign[key] for key in ("name", "topic")},
        "kind": {"type": ["string", "null"], "pattern": "^[a-z][a-z0-9_]{0,31}$"},
        "trigger": {"$ref": "#/components/schemas/AutomationTrigger"},
        "steps": {
            **{"type": "array", "minItems": 1, "maxItems": MOST_STEPS},
            "items": {"$ref": "#/components/schemas/AutomationStep"},
        },
        "goal": _or_null(_TREE),
        "purpose": {"type": "string", "enum": [*PURPOSES]},
        "policy": {"$ref": "#/components/schemas/Policy"},
        "again": {**again, "description": "Days before somebody may enter again; null = never."},
        "open_course": {"type": "boolean"},
    }


def _trigger() -> Json:
    return {
        "on": {"type": "string", "enum": [*TRIGGERS]},
        "segment": _TREE,
        "stage": {"type": "string", "enum": [*STAGES, *AUDIENCES]},
        "date": {"type": "string", "enum": [*DATES]},
        "n": {"type": "integer", "minimum": 0, "maximum": LONGEST},
        "unit": {"type": "string", "enum": [*UNITS]},
        "side": {"type": "string", "enum": [*SIDES]},
        "at": {"type": ["string", "null"], "pattern": f"^{CLOCK}$"},
        "course": {"type": ["string", "null"], "minLength": 1, "maxLength": 191},
        "where": _or_null(_TREE),
    }


def _step() -> Json:
    return {
        "wait": {"$ref": "#/components/schemas/AutomationWait"},
        "if": _or_null(_TREE),
        "else": {"type": "string", "enum": [*ELSE]},
        "send": {"$ref": "#/components/schemas/AutomationMessage"},
    }


def _wait() -> Json:
    return {
        "n": {"type": "integer", "minimum": 0, "maximum": LONGEST},
        "unit": {"type": "string", "enum": [*UNITS]},
        "before": {"type": "boolean", "description": "Before the deadline of the cause."},
    }


def _message() -> Json:
    campaign = campaign_schemas()["CampaignFile"]["properties"]
    return {"channel": campaign["channel"], **{key: campaign[key] for key in CONTENT}}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}
