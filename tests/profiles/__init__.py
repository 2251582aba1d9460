"""Tests of the profiles: data initialisation, facts, consent."""
