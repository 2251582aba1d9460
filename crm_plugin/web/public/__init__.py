"""What learners reach without signing in: short links and opt-out pages, in front of the host's application.

A plain WSGI application: a host's login, CSRF guard, session or error never stands in its way, and a
click costs no framework.
"""

from crm_plugin.web.public.app import PublicApp

__all__ = ["PublicApp"]
