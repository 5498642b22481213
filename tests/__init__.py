"""Tests of gwms_async; each file mirrors a module."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.helpers")  # their assertions, too, say what they compared
