"""What staff do with SMS templates: write and change them, see them filled in, get them approved.

Rights and the trail of who did what are checked here. What a template means to a message is in
``channels/sms``; how a carrier is asked for its approval in ``channels/sms/carriers``.
"""
