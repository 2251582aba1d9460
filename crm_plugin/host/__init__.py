"""The contract with the school's platform, and the one gateway that every call to it takes.

``hookspecs``, ``records`` and ``sql`` are public: adapters in ``hooks/`` and elsewhere import them, so they
keep their names. The rest checks what a school answers, bounds how long it may take, and finds its plug-in.
There are no rooms: what is kept of the answers belongs to ``profiles``.
"""

from crm_plugin.host.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
