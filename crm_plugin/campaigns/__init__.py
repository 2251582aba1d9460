"""Campaigns: audience, frozen ledger, sending, policy, report.

Rooms, from the ground up; each imports those below it:

- ``models``: the tables. ``copy_guard``: a copied database sends nothing.
- ``ledger``: states of a row and the edges between them, leases, what merging and erasing people do to it.
- ``queries``: campaigns as plain values. ``feedback``: what carriers report afterwards.
- ``policy``: why somebody gets no message, one row a reason.
- ``document``: the campaign file.
- ``access``: rights; every verb above checks them here.
- ``prepared_campaign``: a campaign made ready once for a process.
- ``launch``: states of a campaign, the freeze, the reach of a segment. ``rates``: how fast it may go.
  ``reporting``: numbers, and exactly the people behind them.
- ``composing``: verbs on drafts, previews, tests, the check before sending. ``delivery``: from the lease to
  the settled row.
- ``service``: the verbs that steer a campaign. ``jobs``: what workers run. ``ready``: drafts begun from a
  stage of a course, filled in.
- ``capability``: what campaigns bring to the capabilities below.
"""

from crm_plugin.campaigns.errors import CODES
from crm_plugin.kernel.errors import add_codes

add_codes(CODES)
