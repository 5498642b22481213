"""The public names: complete, sorted, and light to import."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import requires, version
from importlib.util import find_spec
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest

import gwms_async
from gwms_async import errors, fleet, receiving, testing

from ..helpers.emulated import python

DOCUMENTED = {
    "PRODUCTION",
    "Cause",
    "Credentials",
    "GwmsClient",
    "Handler",
    "HttpMethod",
    "Identity",
    "MemoryTokenStore",
    "Middleware",
    "Outcome",
    "OutcomeStatus",
    "Report",
    "Request",
    "Response",
    "RetryPolicy",
    "Telemetry",
    "Timeout",
    "Token",
    "TokenStore",
    "Webhook",
    "WebhookSpec",
    "WebhookType",
}
EXTRAS = {
    *("click", "filelock", "opentelemetry", "platformdirs", "pytest", "redis", "rich", "aiohttp.web"),
    *("gwms_async.cli", "gwms_async.auth.stores.file", "gwms_async.auth.stores.redis"),
    *("gwms_async.telemetry", "gwms_async.testing"),
}
_LABEL: dict[str, object] = {"eshop": "", "method": "POST"}
_BULK: dict[str, object] = {"concurrency": 32, "on_outcome": None}
DEFAULTS: list[tuple[Callable[..., object], dict[str, object]]] = [
    (gwms_async.Timeout, {"connect": 10.0, "attempt": 30.0, "total": 120.0}),
    (gwms_async.RetryPolicy, {"max_attempts": 5, "base": 0.2, "cap": 20.0, "max_retry_after": 60.0, "budget": 500}),
    (
        gwms_async.GwmsClient,
        {
            "base_url": gwms_async.PRODUCTION,
            "timeout": gwms_async.Timeout(),
            "retry": gwms_async.RetryPolicy(),
            **dict.fromkeys(("token_store", "session", "ssl", "proxy", "telemetry")),
            "trust_env": False,
            "middlewares": (),
            "max_connections": 100,
        },
    ),
    (gwms_async.GwmsClient.request, {"json": None, "idempotent": None}),
    (gwms_async.WebhookSpec, {"active": True, "method": "POST"}),
    (gwms_async.Webhooks.register_many, {**_BULK, "deadline": None}),
    (gwms_async.Webhooks.register_stream, {"concurrency": 32}),
    (gwms_async.Webhooks.plan, {"prune": None}),
    (gwms_async.Webhooks.apply, {**_BULK, "force": False}),
    (receiving.Receiver, {"max_body": 16 * 1024 * 1024, "limit": 10.0}),
    (receiving.Receiver.specs, _LABEL),
    (receiving.Receiver.owns, {"eshop": ""}),
    (receiving.Receiver.subscribe, {**_LABEL, "force": False}),
    (receiving.Receiver.watch, {**_LABEL, "every": 900.0, "on_lapse": None}),
    (fleet.Fleet, {}),
    (fleet.Eshop, {"prune": None, "base_url": None}),
    (
        testing.GwmsEmulator,
        {
            "token_ttl": 3600.0,
            "expires_in": "unix",
            "clock": time.time,
            "port": 0,
            "journal": 10_000,
            "latency": 0.0,
            "list_lag": 0.0,
            "get_lag": 0.0,
            "spelling": str,
            "unique_urls": False,
            "tombstones": False,
            **dict.fromkeys(("rate_limit", "delivery_policy")),
        },
    ),
    (testing.DeliveryPolicy, {"timeout": 10.0, "repeats": (1.0, 5.0), "deactivate_after": None}),
]
HEAVY = {"aiohttp", "cattrs", "backoff", "yarl", "multidict"}


def test_names_are_sorted() -> None:
    """Constants first, then classes, then the rest, each alphabetically; no name occurs twice."""
    names = gwms_async.__all__

    assert names == sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("name", gwms_async.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    """None of them is missing."""
    assert getattr(gwms_async, name) is not None


def test_no_documented_name_is_missing() -> None:
    """Nor is any error."""
    all_errors = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.GwmsError)
    }

    assert len(all_errors) > 10
    assert DOCUMENTED | all_errors <= set(gwms_async.__all__)


@pytest.mark.parametrize(
    "function",
    [
        gwms_async.GwmsClient.__init__,
        gwms_async.GwmsClient.from_env,
        receiving.Receiver.from_env,
        receiving.Health.__init__,
    ],
)
def test_types_in_signatures_are_public(function: Callable[..., object]) -> None:
    """Users need them for wrappers and annotations."""
    public = {getattr(package, name) for package in (gwms_async, receiving) for name in package.__all__}
    found = [*get_type_hints(function).values()]
    for each in found:
        found += get_args(each)

    ours = [each for each in found if getattr(each, "__module__", "").startswith("gwms_async.")]
    assert ours
    assert [each for each in ours if each not in public] == []


@pytest.mark.parametrize(("function", "expected"), DEFAULTS, ids=lambda each: getattr(each, "__qualname__", ""))
def test_defaults(function: Callable[..., object], expected: dict[str, object]) -> None:
    """Users build on them: none changes by accident."""
    parameters = inspect.signature(function).parameters.values()

    assert {one.name: one.default for one in parameters if one.default is not one.empty} == expected


def test_no_other_name_is_public() -> None:
    """What `dir` shows is what is public, apart from modules and what the face itself needs."""
    seen = {name for name in dir(gwms_async) if not name.startswith("_")}
    modules = {name for name in seen if inspect.ismodule(getattr(gwms_async, name))}

    assert set(gwms_async.__all__) == seen - modules - {"Any", "TYPE_CHECKING", "import_module"}


@pytest.mark.parametrize("package", [gwms_async, testing])
def test_names_are_those_that_type_checkers_see(package: ModuleType) -> None:
    """Each name is loaded, on first use, from the module that the source imports it from."""
    tree = ast.parse(inspect.getsource(package))
    found = {
        alias.name: f"{package.__name__}.{node.module}"
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name in ("FileTokenStore", "RedisTokenStore"):  # need extras
        found.pop(name, None)

    assert set(found) == set(package.__all__) <= set(dir(package))
    for name, home in found.items():
        vars(package).pop(name, None)
        assert getattr(package, name) is getattr(import_module(home), name)
        assert name in vars(package)


def test_the_name_of_telemetry() -> None:
    """Nothing else is public there."""
    assert import_module("gwms_async.telemetry").__all__ == ["OpenTelemetry"]


def test_the_names_of_receiving() -> None:
    """All of them are there, and sorted."""
    assert receiving.__all__ == sorted(receiving.__all__)
    assert set(receiving.__all__) <= set(dir(receiving))


@pytest.mark.parametrize(
    ("name", "home", "needed"), [("FileTokenStore", "file", "filelock"), ("RedisTokenStore", "redis", "redis")]
)
def test_the_stores(name: str, home: str, needed: str) -> None:
    """They are loaded by name, but not by a star import."""
    pytest.importorskip(needed, reason="the stores outside the process are extras")

    assert getattr(gwms_async, name) is getattr(import_module(f"gwms_async.auth.stores.{home}"), name)
    assert name not in gwms_async.__all__


@pytest.mark.parametrize(
    ("name", "home", "extra", "missing"),
    [
        ("FileTokenStore", "file", "file-store", "filelock"),
        ("FileTokenStore", "file", "file-store", "platformdirs"),
        ("RedisTokenStore", "redis", "redis", "redis"),
    ],
)
def test_the_stores_without_their_extras(
    name: str, home: str, extra: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install; all other names work, also in a star import."""
    installed: Any = ModuleType("filelock")
    installed.FileLock = installed.Timeout = object
    monkeypatch.setitem(sys.modules, "filelock", installed)
    for module in [module for module in sys.modules if module.partition(".")[0] == missing] or [missing]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"gwms_async.auth.stores.{home}", raising=False)

    with pytest.raises(ImportError, match=rf"^{name} needs {missing}\S*: install gwms-async with the extra {extra}$"):
        getattr(gwms_async, name)

    names: dict[str, object] = {}
    exec("from gwms_async import *", names)  # noqa: S102  # functions allow no star import
    assert set(gwms_async.__all__) <= set(names)


def test_the_extras() -> None:
    """The store in files needs no part of the command line, which needs all of the store."""
    extras: dict[str, set[str]] = {}
    for line in requires("gwms-async") or ():
        requirement, _, extra = line.partition("; extra == ")
        extras.setdefault(extra.strip("'\""), set()).add(requirement)

    assert {re.split("[<>=]", requirement)[0] for requirement in extras["file-store"]} == {"filelock", "platformdirs"}
    assert extras["file-store"] < extras["cli"]


def test_the_version() -> None:
    """It is that of the installed package."""
    assert gwms_async.__version__ == version("gwms-async")


def test_other_names_are_unknown() -> None:
    """The error is Python's usual one, and type checkers report the mistake."""
    with pytest.raises(AttributeError, match=r"^module 'gwms_async' has no attribute 'GwmsServer'$"):
        _ = gwms_async.GwmsServer  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"^module 'gwms_async.receiving' has no attribute 'Server'$"):
        _ = receiving.Server  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"^module 'gwms_async.fleet' has no attribute 'Server'$"):
        _ = fleet.Server  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"^module 'gwms_async.testing' has no attribute 'Server'$"):
        _ = testing.Server  # type: ignore[attr-defined]


def modules_after(statement: str) -> set[str]:
    """Return the modules that a new interpreter has imported after a statement."""
    done = python(f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))")
    return set(json.loads(done.splitlines()[-1]))


def test_the_client_is_light() -> None:
    """It imports neither the command line nor the emulator, nor what only they or other extras need."""
    modules = modules_after("from gwms_async import GwmsClient")

    assert {"gwms_async", "gwms_async.client", "aiohttp"} <= modules
    assert not [name for name in modules for extra in EXTRAS if name == extra or name.startswith(f"{extra}.")]


def test_the_package_is_light() -> None:
    """Importing it, the emulator, or the pytest plugin, imports no HTTP library."""
    names = ["gwms_async.testing", "gwms_async.testing.pytest_plugin"]
    modules = modules_after(f"import gwms_async, pytest, {', '.join(names)}")

    assert {"gwms_async", *names} <= modules
    assert not modules & (HEAVY | {"gwms_async.client", "gwms_async.testing.emulator", "click", "filelock"})


def test_receiving_needs_no_http_library() -> None:
    """Only `aiohttp_app` imports one, when it is called."""
    modules = modules_after("from gwms_async.receiving import *\nassert Receiver and aiohttp_app and asgi_app")

    assert "gwms_async.receiving.web" in modules
    assert not modules & {"aiohttp", "cattrs", "backoff", "gwms_async.client"}


def test_the_fleet_needs_no_engine() -> None:
    """Nor Redis: only `make_tasks` and `start` are docket's."""
    modules = modules_after("from gwms_async.fleet import Eshop, EshopResult, Fleet")

    assert "gwms_async.client" in modules
    assert not modules & {"docket", "redis"}


@pytest.mark.skipif(find_spec("docket") is None, reason="docket is an extra")
@pytest.mark.parametrize("name", fleet.__all__)
def test_the_names_of_the_fleet(name: str) -> None:
    """All of them are there."""
    assert getattr(fleet, name).__module__.startswith("gwms_async.fleet.")


def test_the_fleet_without_docket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "docket", None)
    monkeypatch.delitem(sys.modules, "gwms_async.fleet.docket", raising=False)

    with pytest.raises(ImportError, match=r"^start needs docket: install gwms-async with the extra fleet$"):
        _ = fleet.start


@pytest.mark.skipif(find_spec("rich") is None, reason="the command line is an extra")
def test_the_usage_text_is_light() -> None:
    """`gwms --help` imports no HTTP library."""
    modules = modules_after(
        "from contextlib import suppress\nfrom gwms_async.cli import main\nsys.argv = ['gwms', '--help']\n"
        "with suppress(SystemExit): main()"
    )

    assert "gwms_async.cli.commands" in modules
    assert not modules & HEAVY


def test_names_load_what_they_need() -> None:
    """Values and errors load without the client."""
    modules = modules_after("from gwms_async import Credentials, GwmsError, Outcome, Plan, WebhookSpec")

    assert not modules & {"aiohttp", "cattrs", "backoff"}


def test_the_docstring_says_what_is_public() -> None:
    """One rule for all modules."""
    assert "`__all__`" in (gwms_async.__doc__ or "")
