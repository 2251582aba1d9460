"""What comes back about e-mail: failure reports, complaints, and a provider's posted events.

It says what happened to which address, and how sure that is. What follows for the address and for the
campaign's numbers is decided in ``campaigns/feedback``.
"""
