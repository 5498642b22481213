"""Tests of `gwms_async.testing`."""
