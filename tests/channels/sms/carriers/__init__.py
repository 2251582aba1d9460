"""Tests of the SMS carriers."""
