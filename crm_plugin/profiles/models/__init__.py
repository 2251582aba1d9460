"""The tables of profiles: the school's records, consent and topics, staff's additions, the state of the sync.

Definitions only. A change of one needs a new migration; who fills a column is in ``sync``, ``consent`` or
``staff``.
"""
