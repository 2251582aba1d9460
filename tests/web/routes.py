"""Every page and operation of the CRM, as its list of pages has them."""

from crm_plugin.web.pages import WEB
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.shell.guard import Route

ROUTES: list[Route] = [
    route
    for room in WEB.parts
    if isinstance(room, WebExtension)
    for routes in room.routes
    for route in routes
]


class PagesAlone:
    """A CRM with nothing but the pages: what a request without a school needs to say its words."""

    def contributed(self, kind: type) -> tuple[object, ...]:
        """Return what the pages bring of a type."""
        return tuple(part for part in WEB.parts if isinstance(part, kind))
