"""The public face: complete, sorted, and light to import."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import gwms_async
from gwms_async import errors

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
HEAVY = {"aiohttp", "cattrs", "click", "rich", "gwms_async.cli", "gwms_async.testing", "pytest"}


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
    assert gwms_async.GwmsClient.__name__ == "GwmsClient"  # loaded when it is asked for
    seen = {
        name for name, value in vars(gwms_async).items() if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert set(gwms_async.__all__) == seen - {"Any", "TYPE_CHECKING"}


def test_the_version_is_looked_up_when_asked_for() -> None:
    """It is that of the installed package, and is not kept."""
    assert gwms_async.__version__ == version("gwms-async")
    assert "__version__" not in vars(gwms_async)


def test_other_names_are_unknown() -> None:
    """The error is Python's usual one."""
    with pytest.raises(AttributeError, match=r"^module 'gwms_async' has no attribute 'GwmsServer'$"):
        _ = gwms_async.GwmsServer


def test_importing_is_light() -> None:
    """Neither the command line nor the emulator comes along, nor, before the client is used, what sends and decodes."""
    code = "import json, sys, gwms_async; print(json.dumps(sorted(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603

    modules = set(json.loads(done.stdout))
    assert {"gwms_async", "gwms_async.models"} <= modules
    assert not [name for name in modules for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")]
