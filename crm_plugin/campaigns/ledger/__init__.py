"""The ledger: one row for each person considered, its states, and the edges between them.

Also what reserves rows, moves them when people are merged, and counts them for a person's facts. ``launch``
decides which people get a row; ``delivery`` and ``feedback`` move it along.
"""
