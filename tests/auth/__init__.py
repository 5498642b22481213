"""Tests of `gwms_async.auth`."""
