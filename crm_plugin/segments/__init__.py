"""Finding people: one filter language as a tree, compiled to SQL, explained for one person.

Rooms, from the ground up; each imports those below it:

- ``dialects``: where one database is given other SQL than the rest.
- ``models``: the tables. ``language``: fields, relations, values, and the tree that a filter is.
- ``extension``: what higher capabilities may add. ``stock_queries``: quick queries to begin with.
- ``sql``: the meaning of a tree in SQL. ``queries``: saved ones as plain values.
- ``explain``: the same meaning for one person, with reasons. ``listing``: columns, order and pages of a list.
- ``service``: the verbs: count, list, explain.
- ``wording``: the sentence of a tree. ``saved``: quick queries. ``bulk``: exports, and tags on many people.
- ``jobs``: what workers run. ``capability``: what segments bring.
"""

from crm_plugin.kernel.errors import add_codes
from crm_plugin.segments.errors import CODES

add_codes(CODES)
