"""The channel e-mail: sanitised HTML with a text part, MIME made once for a campaign, and SMTP.

How a message is written. Mail servers are reached in ``smtp``. What comes back from servers and providers is
read in ``feedback``; stopping an address for it is in ``campaigns/feedback``.
"""
