"""What staff do with SMS templates: write and change them, see them filled in, get them approved.

Rights are checked and changes are recorded here. What a template means to a message is in ``channels/sms``;
how a text is handed in for approval is in ``channels/sms/carriers``.
"""
