"""The same meaning in memory: whether one person matches a tree, and which condition decided it.

It must agree with ``sql`` for every tree; a test of random trees compares them. How it reads to people is
in ``wording``.
"""
