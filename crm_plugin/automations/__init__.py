"""Automations: campaigns that start by themselves, step by step, for each person who gives cause.

Above campaigns, whose ledger sends every step and whose rules decide about it; below the home page, which
shows what is under way.

Rooms, from the ground up; each imports those below it:

- ``models``: the tables. ``errors``: what may be wrong.
- ``causes``: the dates that can start an automation, of a person, an order or an enrolment.
- ``document``: the file of an automation, and what its conditions mean for one cause.
- ``queries``: automations as plain values, rights included; how many people each step had.
- ``reading``: checks a file, ``file_schema`` describes it. ``conditions``: its trees, as its author may ask.
- ``who_may_enter``: what a person must be, whatever brings them. ``standing``: whose step is due, and stops.
- ``dated``, ``stage_people``: people with a cause. ``walk``: step by step. ``messages``: their campaigns.
- ``entry``: lets people in. ``steps``: carries out what is due. ``members``: what merging and erasing people
  do to them. ``ready_made``: automations to start from.
- ``recurring``: campaigns that repeat, with one child a period; it stands apart.
- ``service``: the verbs. ``jobs``: what workers run.
- ``capability``: what automations bring to the capabilities below.
"""

from crm_plugin.automations.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
