"""Tests of `gwms_async.wire`."""
