"""Sms templates."""
