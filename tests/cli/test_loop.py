"""The event loop that commands run on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from gwms_async.cli.loop import run


async def name_of_loop() -> str:
    """Return the module of the running loop."""
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_is_used_where_it_is_installed() -> None:
    """It comes with the extra `speed`."""
    pytest.importorskip("uvloop", reason="it is an extra")

    assert run(name_of_loop()) == "uvloop"


def test_asyncio_is_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert run(name_of_loop()).startswith("asyncio.")
