"""Segments in pages: the builder of a tree, pickers for its values, presets, addresses that carry a tree.

Used by the pages of people and by the composer. What a tree means is in ``segments``; the list of people
that it finds is in ``web/people``.
"""
