"""The meaning of a tree in SQL, planned for each of the three databases.

A condition's SQL, and how conditions are joined, is decided here and measured in ``tests/bench``. The
source of one field's value stands with its row in ``language``.
"""
