"""Campaigns that repeat: when their periods are, and the child campaign of each.

- ``rhythm``: days and a time of day in a zone, and the instants that they mean. ``models``: the tables.
- ``queries``: campaigns that repeat and their history, as plain values.
- ``service``: the verbs. ``runs``: what becomes due. ``jobs``: what workers run.

A child is a campaign like every other one; what it is made of stands in ``campaigns/composing/repeating``.
"""

from crm_plugin.automations.recurring.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
