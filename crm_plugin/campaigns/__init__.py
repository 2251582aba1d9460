"""Campaigns: audience, frozen ledger, sending, policy, report."""
