"""Tracked links: signed codes, the redirect, raw clicks, their classes and the three measures.

From a code in a message to a counted person. Nobody else reads raw clicks; numbers come from
:mod:`~crm_plugin.links.measures`. There are no rooms: the files follow a click on its way. What a link
means for a campaign belongs to ``campaigns``; the public pages are in ``web/public``.
"""

from crm_plugin.kernel.errors import add_codes
from crm_plugin.links.errors import CODES

add_codes(CODES)
