"""The page People: the list, its columns and ticks, work on many people, quick queries, exports, taggings.

The builder of the search above it is in ``web/segments``; the page of one person in ``web/person``.
"""
