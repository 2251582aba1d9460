"""From the button to the first row that may be sent: states of a campaign, its people, the freeze.

Also the reach of a segment, which is decided the same way before anything is launched. Why somebody is left
out is a rule of ``policy``; sending begins in ``delivery``.
"""
