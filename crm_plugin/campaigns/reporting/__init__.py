"""The numbers of a campaign, the people behind each of them, clicks over time, and purchases afterwards.

Reads only. A rate is defined once, here, for pages, commands and API. Functions take the session and the
campaign as ``campaigns/access.py`` found it. How fast a campaign goes now is in ``campaigns/rates``.
"""
