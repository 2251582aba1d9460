"""Our copy of the school's facts, kept in step with it; consent, suppression, and facts per person.

Rooms, from the ground up; each imports those below it:

- ``models``: the tables.
- ``store``: how a record of the school becomes rows: spelling, hashes, batches, erased people kept away.
- ``extension``: what other capabilities may add to a person.
- ``consent``: what people allow, and a channel's kind of address. ``facts``: columns computed from rows.
- ``staff``: what the school's staff add by hand: tags, follow-ups, intentions.
- ``privacy``: merging, erasing and handing over what is held. ``people``: reading people, as an actor may.
- ``sync``: reading the school. ``jobs``: what workers run. ``capability``: what profiles bring.
"""

from crm_plugin.kernel.errors import add_codes
from crm_plugin.profiles.errors import CODES

add_codes(CODES)
