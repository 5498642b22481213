"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..helpers.command_line import FILE


@pytest.fixture(autouse=True)
def _own_cache(own_cache: None) -> None:
    """Keep tokens away from other tests."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file of two webhooks."""
    file = tmp_path / "shop.toml"
    file.write_text(FILE)
    return file
