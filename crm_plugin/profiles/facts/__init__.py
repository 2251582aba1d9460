"""Columns of a person that are computed from rows: purchases, last activity, interests, wish for a course.

A fact that filters need often belongs here; one that they need seldom is computed by the filter itself, in
``segments``. What campaigns add comes from them.
"""
