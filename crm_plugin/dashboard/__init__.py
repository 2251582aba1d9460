"""The figures of the home page, read by few statements over all capabilities below.

Only numbers that no capability has by itself. How they look is in ``web/home``; what one campaign brought is
in ``campaigns/reporting``.
"""
