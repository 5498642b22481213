"""The helpers of the tests."""

import pytest

from ..helpers.emulated import python


def test_a_failed_helper_says_why() -> None:
    """Its assertion shows what it compared, as one in a test does."""
    with pytest.raises(AssertionError, match="by zero"):
        python("1 / 0")
