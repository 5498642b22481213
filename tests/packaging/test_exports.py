"""The public face: complete, sorted, and light to import."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

import gwms_async
from gwms_async import errors, testing

DOCUMENTED = {
    "PRODUCTION",
    "Cause",
    "Credentials",
    "GwmsClient",
    "Handler",
    "HttpMethod",
    "MemoryTokenStore",
    "Middleware",
    "Outcome",
    "OutcomeStatus",
    "Report",
    "Request",
    "Response",
    "RetryPolicy",
    "Timeout",
    "Token",
    "TokenStore",
    "Webhook",
    "WebhookSpec",
    "WebhookType",
}
HEAVY = {
    *("click", "filelock", "platformdirs", "pytest", "rich", "aiohttp.web"),
    *("gwms_async.cli", "gwms_async.stores", "gwms_async.testing"),
}


def test_names_are_sorted() -> None:
    """Constants first, then classes, then the rest, each by the alphabet; no name comes twice."""
    names = gwms_async.__all__

    assert names == sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("name", gwms_async.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    """It is there, and not empty."""
    assert getattr(gwms_async, name) is not None


def test_no_documented_name_is_missing() -> None:
    """Nor is any error."""
    all_errors = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.GwmsError)
    }

    assert len(all_errors) > 10
    assert DOCUMENTED | all_errors <= set(gwms_async.__all__)


def test_no_other_name_is_public() -> None:
    """What can be seen is what is meant, but for modules."""
    seen = {
        name for name, value in vars(gwms_async).items() if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert set(gwms_async.__all__) == seen - {"Any", "TYPE_CHECKING"}


def test_names_are_those_that_type_checkers_see() -> None:
    """Each name of the testing package comes, when first asked for, from the module that the text imports it from."""
    package: ModuleType = testing
    tree = ast.parse(inspect.getsource(package))
    found = {
        alias.name: f"{package.__name__}.{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }

    assert set(found) == set(package.__all__) <= set(dir(package))
    for name, home in found.items():
        vars(package).pop(name, None)
        assert getattr(package, name) is getattr(import_module(home), name)
        assert name in vars(package)


@pytest.mark.skipif(find_spec("filelock") is None, reason="the store in files is an extra")
def test_the_store_in_files() -> None:
    """It comes from its own module, but not with a star."""
    from gwms_async.auth.stores.file import FileTokenStore  # noqa: PLC0415  # an extra

    assert gwms_async.FileTokenStore is FileTokenStore
    assert "FileTokenStore" not in gwms_async.__all__


@pytest.mark.parametrize("name", ["filelock", "platformdirs"])
def test_the_store_in_files_without_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install; all the rest is there, also with a star."""
    installed: Any = ModuleType("filelock")
    installed.FileLock = installed.Timeout = object
    monkeypatch.setitem(sys.modules, "filelock", installed)
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "gwms_async.auth.stores.file", raising=False)

    with pytest.raises(ImportError, match=rf"^FileTokenStore needs {name}: pip install 'gwms-async\[cli\]'$"):
        from gwms_async import FileTokenStore  # noqa: F401, PLC0415  # asked for on purpose

    names: dict[str, object] = {}
    exec("from gwms_async import *", names)  # noqa: S102  # a star is no statement of a function
    assert set(gwms_async.__all__) <= set(names)


def test_the_version_is_looked_up_when_asked_for() -> None:
    """It is that of the installed package, and is not kept."""
    assert gwms_async.__version__ == version("gwms-async")
    assert "__version__" not in vars(gwms_async)


def test_other_names_are_unknown() -> None:
    """The error is Python's usual one."""
    with pytest.raises(AttributeError, match=r"^module 'gwms_async' has no attribute 'GwmsServer'$"):
        _ = gwms_async.GwmsServer


def test_other_names_of_the_testing_package_are_unknown() -> None:
    """The error is Python's usual one."""
    with pytest.raises(AttributeError, match=r"^module 'gwms_async.testing' has no attribute 'Server'$"):
        _ = testing.Server


def modules_after(statement: str) -> set[str]:
    """List what a statement has imported in a new interpreter."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    return set(json.loads(done.stdout))


def test_the_client_is_light() -> None:
    """Neither the command line nor the emulator, nor what only they or other extras need, comes along."""
    modules = modules_after("from gwms_async import GwmsClient")

    assert {"gwms_async", "gwms_async.client", "aiohttp"} <= modules
    assert not [name for name in modules for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")]


def test_the_plugin_of_pytest_is_light() -> None:
    """It is imported whenever pytest starts: neither the emulator nor what only that needs comes along."""
    ours = modules_after("import pytest, gwms_async.testing.pytest_plugin")

    assert not ours & {"aiohttp.web", "gwms_async.testing.emulator", "click", "filelock"}
