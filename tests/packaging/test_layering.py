"""The layers: imports point down only, and each third-party package is imported in one place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gwms_async

ROOT = Path(gwms_async.__file__).parent
FACE = "gwms_async"
LAYERS = [
    {"_version", "redaction"},
    {"models", "tokens", "clock", "timeouts"},
    {"errors"},
    {"settings", "chain"},
    {"wire"},
    {"registration", "auth", "transport"},
    {"webhooks", "session", "middleware", "telemetry"},
    {"client"},
    {"receiving", "fleet"},
    {FACE},
    {"cli"},
]
"""A module imports only from lines above its own, and within its package; there are no cycles.

`testing` is not in the list: it imports only itself, and only the command line imports it.
"""
THIRD_PARTIES = {
    "attrs": {"everywhere"},
    "cattrs": {"wire.converter"},
    "backoff": {"middleware.backoff"},
    "aiohttp": {"transport", "client", "testing", "receiving.web", "cli.sending", "cli.serving"},
    "orjson": {"wire.parsing"},
    "yarl": {"models", "transport", "testing", "cli.sending"},
    "multidict": {"transport", "middleware.authorize"},
    "click": {"cli"},
    "docket": {"fleet.docket", "cli.fleet"},
    "rich": {"cli"},
    "tomli_w": {"cli.export"},
    "uvloop": {"cli"},
    "filelock": {"auth.stores.file"},
    "redis": {"auth.stores.redis"},
    "platformdirs": {"auth.stores.file", "cli.profiles"},
    "opentelemetry": {"telemetry"},
    "pytest": {"testing.pytest_plugin"},
}


def name_of(path: Path) -> str:
    """Return the name of a module within the package; the package itself keeps its own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or FACE


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    """Parse a module of ours."""
    return ast.parse(MODULES[module].read_text("utf-8"))


def package_of(module: str) -> str:
    """Return the first part of a dotted name."""
    return module.partition(".")[0]


def imports(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the full names that a module imports, anywhere in its source, with relative imports resolved."""
    here = [FACE] if module == FACE else [FACE, *module.split(".")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + is_package] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def own_module(name: str) -> str | None:
    """Return the module of ours that an imported name is, or is in; None for third parties."""
    if package_of(name) != FACE:
        return None
    parts = name.split(".")[1:]
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or FACE


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return the full names that a module of ours imports."""
    return frozenset(imports(tree_of(module), module, is_package=MODULES[module].name == "__init__.py"))


def arrows() -> dict[str, set[str]]:
    """Return which modules of ours each of them imports."""
    return {
        module: {own for own in map(own_module, imports_of(module)) if own is not None and own != module}
        for module in MODULES
    }


RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def is_allowed(importer: str, imported: str) -> bool:
    """Return whether a module of ours may import another."""
    one, other = package_of(importer), package_of(imported)
    if one == other:
        return True
    if "testing" in {one, other}:
        return one == "cli"
    return RANKS[other] < RANKS[one]


@pytest.mark.parametrize(
    ("code", "module", "is_package", "expected"),
    [
        ("import aiohttp.web", "client", False, {"aiohttp.web"}),
        ("from . import models", "client", False, {"gwms_async.models"}),
        ("from .errors import A, B", "client", False, {"gwms_async.errors.A", "gwms_async.errors.B"}),
        ("from .pace import Pace", "middleware", True, {"gwms_async.middleware.pace.Pace"}),
        ("from ..chain import Call", "middleware.pace", False, {"gwms_async.chain.Call"}),
        ("from .. import Credentials", "cli.demo", False, {"gwms_async.Credentials"}),
        ("from .models import Webhook", FACE, True, {"gwms_async.models.Webhook"}),
        ("def f():\n    if x:\n        from gwms_async import errors", "cli.demo", False, {"gwms_async.errors"}),
    ],
)
def test_imports_are_found(code: str, module: str, is_package: bool, expected: set[str]) -> None:
    """Every form of import is resolved as Python does, at any depth."""
    assert expected == set(imports(ast.parse(code), module, is_package=is_package))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gwms_async.errors.GwmsError", "errors"),
        ("gwms_async.wire", "wire"),
        ("gwms_async.middleware.pace.Pace", "middleware.pace"),
        ("gwms_async.Credentials", FACE),
        ("aiohttp.web", None),
        ("gwms_async_other.errors", None),
    ],
)
def test_names_are_traced_to_modules(name: str, expected: str | None) -> None:
    """A name leads to the innermost module that contains it."""
    assert expected == own_module(name)


def test_every_module_has_its_layer() -> None:
    """The list is complete, and every module in it exists."""
    assert {package_of(name) for name in MODULES} - {"testing"} == set(RANKS)


def test_imports_point_down() -> None:
    """No module imports from its own layer or a higher one."""
    pairs = [(one, other) for one, others in arrows().items() for other in others]
    up = [(one, other) for one, other in pairs if not is_allowed(one, other)]

    assert len(pairs) > 50
    assert not up


def test_there_is_no_cycle() -> None:
    """Not within a package either."""
    order = list(TopologicalSorter(arrows()).static_order())

    assert set(MODULES) == set(order)


def test_third_parties_are_imported_in_their_place() -> None:
    """Each one only where the list says; one that is not listed, nowhere."""
    strays = []
    for module in MODULES:
        others = {package_of(name) for name in imports_of(module)} - sys.stdlib_module_names - {FACE}
        places = {"everywhere", module, package_of(module)}
        strays += [(module, other) for other in others if not places & THIRD_PARTIES.get(other, set())]

    assert not strays


def test_the_client_knows_aiohttp_by_its_types_only() -> None:
    """It mentions aiohttp in annotations only; the transport does the work."""
    nodes = list(ast.walk(tree_of("client")))
    annotations = [
        annotation
        for node in nodes
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.AST)
    ]
    mentions = {node for node in nodes if isinstance(node, ast.Name) and node.id == "aiohttp"}

    assert mentions
    assert mentions <= {node for annotation in annotations for node in ast.walk(annotation)}
