"""Tests of gwms_async; each file mirrors a module."""
