"""Tests of SMS."""
