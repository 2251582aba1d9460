"""The figures of the home page: the make-up of people, and what was sent in some days.

Only numbers that no capability has by itself. How they look is in ``web/home_page``; what one campaign
brought is in ``campaigns/reporting``.
"""
