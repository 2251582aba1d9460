"""The channel SMS: approved templates with placeholders, how long a text is and what it costs.

The carriers are in ``carriers``. Writing and approving templates, with staff and their rights, is in
``channels/sms_templates``.
"""
