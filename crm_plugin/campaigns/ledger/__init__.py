"""The ledger: one row for each person considered, its states, and the edges between them.

Also what reserves rows, moves them when people are merged, and counts them for a person's facts. Who gets a
row is decided in ``launch``; who moves it along, in ``delivery`` and ``feedback``.
"""
