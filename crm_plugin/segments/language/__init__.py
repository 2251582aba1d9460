"""The filter language: which fields there are, what values they take, and how a filter is read into a tree.

A field is one row of ``fields``, a relation one of ``relations``. Nothing here runs a query: its SQL is made
in ``sql``, its words for people in ``wording``, its form in ``web/segments``.
"""
