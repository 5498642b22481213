"""The examples in docstrings, run against the emulator as they are."""

from __future__ import annotations

import inspect
import pkgutil
import re
import textwrap
from importlib import import_module
from typing import Any

import pytest

import gwms_async
from gwms_async import Credentials, GwmsClient, MemoryTokenStore, WebhookSpec, WebhookType
from gwms_async.fleet import Eshop, Fleet
from gwms_async.testing import DropAfter, GwmsEmulator

EXAMPLE = re.compile(r"::\n\n((?:(?:    .*)?\n)+)")


def examples() -> dict[str, str]:
    """Return the examples in the docstrings of all classes and functions."""
    found: dict[str, str] = {}
    for module in pkgutil.walk_packages(gwms_async.__path__, "gwms_async."):
        if {"cli", "stores", "docket"} & set(module.name.split(".")):  # extras
            continue
        for name, thing in vars(import_module(module.name)).items():
            if getattr(thing, "__module__", None) == module.name and (
                inspect.isclass(thing) or inspect.isfunction(thing)
            ):
                for code in EXAMPLE.findall(inspect.cleandoc(thing.__doc__ or "") + "\n"):
                    found[name] = textwrap.dedent(code)
    return found


@pytest.mark.parametrize("name", list(examples()))
async def test_an_example(name: str) -> None:
    """It runs without an error."""
    async with GwmsEmulator() as gateway:

        def make_client(credentials: Credentials, base_url: str = gateway.base_url) -> GwmsClient:
            assert credentials
            return GwmsClient(Credentials(*gateway.credentials), base_url=gateway.base_url)

        async def find(name: str) -> Eshop:
            return Eshop(Credentials(*gateway.credentials), [], base_url=gateway.base_url)

        names: dict[str, Any] = {
            "Credentials": Credentials,
            "DropAfter": DropAfter,
            "Fleet": Fleet,
            "GwmsClient": make_client,
            "GwmsEmulator": GwmsEmulator,
            "WebhookSpec": WebhookSpec,
            "WebhookType": WebhookType,
            "find": find,
            "store": MemoryTokenStore(),
        }
        code = examples()[name].replace("…", "x").replace("    ...", "    pass")
        exec(compile(f"async def example():\n{textwrap.indent(code, '    ')}", name, "exec"), names)  # noqa: S102
        await names["example"]()


def test_there_are_examples() -> None:
    """They are found."""
    assert set(examples()) == {"Fleet", "GwmsClient", "GwmsEmulator"}
