"""From the button to the first row that may be sent: states of a campaign, who is considered, the freeze.

Also the reach of a search, which is decided the same way before anything is launched. Why somebody is left
out is a rule of ``policy``; sending begins in ``delivery``.
"""
