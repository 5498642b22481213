"""Tests of `gwms_async.middleware`."""
