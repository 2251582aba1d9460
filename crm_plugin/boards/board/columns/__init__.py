"""What matters of the people of a tab, read for all people of a page at once.

Each module has the columns of a tab, and the orders that only this tab has. Which people are in a tab is
decided in ``stage_rows``.
"""
