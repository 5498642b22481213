"""The pictures of the page in the README."""

from __future__ import annotations

import pytest

from ..helpers.documents import ROOT
from ..helpers.page_pictures import PICTURES, SUMS, sums


def test_the_pictures_are_of_this_page() -> None:
    """They were made from the page as it is; tests/helpers/page_pictures.py says how to make them again."""
    assert SUMS.read_text("utf-8") == sums()


@pytest.mark.parametrize("scheme", PICTURES)
def test_a_picture_is_small_and_shown(scheme: str) -> None:
    """Each is a PNG of less than 150 kB, and in the README."""
    content = PICTURES[scheme].read_bytes()

    assert content.startswith(b"\x89PNG")
    assert len(content) < 150_000
    assert f".assets/page-{scheme}.png" in (ROOT / "README.md").read_text("utf-8")
