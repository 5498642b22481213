"""Tests of `gwms_async.cli`."""
