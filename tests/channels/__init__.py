"""Tests of channels and carriers."""
