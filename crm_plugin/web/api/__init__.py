"""The JSON API: what pages can do, for programs with a token and for scripts in a signed-in page.

Each module keeps its endpoints in its ``ROUTES``; the OpenAPI document is made of them. Endpoints
are thin: they read what came, ask a service, and hand back what it says.
"""

from crm_plugin.web.api import (
    audit,
    automations,
    boards,
    campaigns,
    courses,
    exports,
    home,
    openapi,
    people,
    person,
    queries,
    recurring,
    replies,
    school,
    segments,
    sms_templates,
    topics,
)

ROUTES = tuple(
    module.ROUTES
    for module in (
        *(audit, automations, boards, campaigns, courses, openapi, exports, home, people, person),
        *(queries, recurring, replies, school, segments, sms_templates, topics),
    )
)
"""The operations of each module."""
