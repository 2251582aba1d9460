"""Tests of the reference school."""
