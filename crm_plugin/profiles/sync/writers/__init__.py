"""One file for each kind of record: how a page of it is written, and what waits for a row still to come.

Reading pages and remembering positions stays in ``sync``; the columns are named in ``store``.
"""
