"""Every page and operation of the CRM, as its list of pages has them."""

from crm_plugin.web.pages import WEB
from crm_plugin.web.shell.guard import Route
from crm_plugin.web.shell.room import Room

ROUTES: list[Route] = [
    route for room in WEB.parts if isinstance(room, Room) for routes in room.routes for route in routes
]
