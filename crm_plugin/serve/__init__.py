"""The shell for schools on other platforms: accounts, a login page, and the CRM's pages around them.

Only what stands in for a school's own application. Pages are in ``web``; how such a school is read is the
work of its adapter in ``hooks``.
"""
