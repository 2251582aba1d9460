"""``crm doctor``: what is wrong with an installation, line by line.

Each part of ``checks`` looks at one thing and says what to do; a new line is a function there. A look from
outside, at the address that limits go by, stands in ``address``.
"""
