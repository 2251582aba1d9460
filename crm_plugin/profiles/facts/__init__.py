"""Columns of a person that are computed from rows: purchases, last activity, interests, wish for a course.

A fact that a filter asks for often belongs here; one that is asked for seldom is computed by the filter
itself, in ``segments``. What campaigns add comes from them.
"""
