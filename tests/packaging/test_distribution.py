"""The package as its users get it."""

import gwms_async


def test_package_has_a_docstring() -> None:
    """The package says what it is."""
    assert gwms_async.__doc__
