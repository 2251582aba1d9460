"""Pages of SMS templates: the list, one template with its approval, and the editor with its preview.

What is checked and stored is in ``channels/sms_templates``. The composer's choice of a template is in
``web/campaigns``.
"""
