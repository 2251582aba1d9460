"""Mail servers: reaching one, handing messages over, and what its answers mean.

From the ground up: ``reply_phrases`` and ``replies`` judge an answer, ``server`` says where it is, ``offers``
keeps what it offers, ``connection`` hands over one message after the other, ``carrier`` uses several
connections. ``trial``, ``connect_faults`` and ``probe`` are what ``crm doctor`` tries. What comes back later
is read in ``feedback``.
"""
