"""The page People: the list, columns and selection, work on many people, quick queries, exports, taggings.

The builder of the segment above it is in ``web/segments``; the page of one person in ``web/person``.
"""
