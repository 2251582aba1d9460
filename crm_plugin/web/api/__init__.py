"""The JSON API: what pages can do, for programs with a token and for scripts in a signed-in page.

Each module adds its endpoints by :func:`crm_plugin.web.api.route.endpoint`; the OpenAPI document is made of
the same table. Endpoints are thin: they read what came, ask a service, and hand back what it says.
"""

from crm_plugin.web.api import (
    campaigns,
    document,
    exports,
    people,
    person,
    queries,
    school,
    segments,
    sms_templates,
    topics,
)

__all__ = [
    "campaigns",
    "document",
    "exports",
    "people",
    "person",
    "queries",
    "school",
    "segments",
    "sms_templates",
    "topics",
]
