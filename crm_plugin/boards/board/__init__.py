"""One course or class as its board shows it: tabs, filters, columns, and why people left.

``one_course``: what the school says of it. ``tabs``, ``tab_filters``: segments of a stage and what narrows
them. ``leaving``: months by reasons. ``columns``: what matters of the people of a tab.
"""
