"""Why somebody gets no message, or not yet: the rules, what one campaign's policy says, and both as SQL.

:mod:`~crm_plugin.campaigns.policy.rules` has one row for each reason; freeze, marking, campaign file, form,
pages, report and the reach of a segment derive from it. The rest is no reason to leave somebody out: quiet
hours, and data that are too old. How a campaign file is read stands in ``document``; staging and marking are
in ``launch`` and ``delivery``.
"""
