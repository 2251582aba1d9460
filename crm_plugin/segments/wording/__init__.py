"""A tree as a sentence that people read, in their language.

The shapes that are recognised, and the phrases they become. Names of single fields stand with the fields,
in ``language``; words of buttons in ``web``.
"""
