"""Tests of `gwms_async.registration`."""
