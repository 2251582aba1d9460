"""The tables of profiles: the school's records, consent and topics, staff's additions, the state of the sync.

Definitions only. A change of one needs a new migration; a column is filled by ``sync``, ``consent`` or
``staff``.
"""
