"""Tests of `gwms_async.receiving`."""
