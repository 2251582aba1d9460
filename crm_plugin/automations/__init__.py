"""Automations: campaigns that start by themselves, step by step, for each person who gives cause.

Above campaigns, whose ledger sends every step and whose rules decide about it; below the home page, which
shows what is under way.

Rooms, from the ground up; each imports those below it:

- ``models``: the tables. ``errors``: what may be wrong.
- ``language``: the file of an automation: its dates, what it means for one cause, its check and its schema.
- ``queries``: automations as plain values, rights included; how many people each step had.
- ``conditions``: the trees of a file, as its author may ask them.
- ``entering``: people with a cause come in. ``steps``: what is due is carried out, by campaigns.
- ``merge_and_erase``: what merging and erasing people do to them. ``ready_made``: automations to start from.
- ``recurring``: campaigns that repeat, with one child a period; it stands apart.
- ``service``: the verbs. ``jobs``: what workers run.
- ``capability``: what automations bring to the capabilities below.
"""

from crm_plugin.automations.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
