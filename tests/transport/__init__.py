"""Tests of `gwms_async.transport`."""
