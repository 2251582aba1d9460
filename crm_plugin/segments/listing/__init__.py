"""Lists of the people that a tree finds: columns, order, pages by key, and parts of a list.

A column of lists and exports is one row of ``columns``. Pages draw them in ``web/people``, files are written
in ``bulk``.
"""
