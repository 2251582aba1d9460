"""The four steps of a draft: audience, content, rules, check; each saves itself.

Forms are read into a campaign file here, and drawn from one. What such a file may say, and what is wrong
with it, is decided in ``campaigns/document`` and ``campaigns/composing``.
"""
