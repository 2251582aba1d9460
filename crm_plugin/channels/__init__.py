"""How a message reaches a person: SMS, e-mail, private message; content, carriers, rates.

Rooms, from the ground up; each imports those below it:

- ``carrier_capabilities``, ``models``, ``content``: what a carrier can do, the tables, texts with blanks.
- ``base``: what a channel and a carrier are. ``rates``: limits over all processes. ``lanes``: connections.
- ``shared_checks``: what every channel asks of a content. ``outbox``: the carrier that only writes down.
- ``handing_over``: a carrier's answers as they can be kept, whatever it does.
- ``private_message``, ``email``, ``sms``: one channel each, with its carriers.
- ``registry``: which channels and carriers there are. ``suppressions``: stopped addresses.
- ``service``: the verbs. ``sms_templates``: writing and approving them. ``jobs``: what workers run.
- ``capability``: what channels bring.

``campaigns`` decides which people to write to, and when.
"""

from crm_plugin.channels.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
