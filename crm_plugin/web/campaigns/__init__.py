"""Pages of campaigns: the list, one campaign while it runs and afterwards, the people behind its numbers.

The steps of a draft are in ``composer``. Numbers come from ``campaigns/reporting``; nothing is counted here.
"""
