"""Reading the school: the first full scan, changes since, events, and how each stream is doing.

It decides when to ask, how much, and what to do when an answer fails. How rows are written is in
``writers``, one file a kind of record; the contract with the school is in ``host``.
"""
