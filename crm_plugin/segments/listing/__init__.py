"""Lists of the people whom a tree finds: columns, order, pages by key, and the parts that can be told apart.

A column of lists and exports is one row of ``columns``. Pages draw them in ``web/people``, files are written
in ``bulk``.
"""
