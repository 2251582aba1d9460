"""The rights of a person, and two people who turn out to be one: merge, erase, hand over what is held.

Each table with a person in it is named here, or registered by the capability that has it. What staff may
see of a person is in ``people``.
"""
