"""``gwms doctor``: check the settings, the gateway and the webhooks."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter

import click

from .. import ConfigurationError, GwmsError, Handler, LoginError, MemoryTokenStore, Request, Response, Webhook
from .._version import VERSION
from ..wire.headers import http_date
from .access import Access, Settings, find_settings, make_access
from .loop import Work
from .options import common_options, json_option
from .output import Exit, exit_code_for, print_result
from .problems import describe, shown

_SKEW = 30.0  # seconds
_PRECISION = 2.0  # seconds: `Date` has whole ones, and the response takes a while
_STAGES: tuple[str, ...] = ("settings", "gateway", "login", "api_key", "webhooks")
_LIBRARIES = ("aiohttp", "attrs", "cattrs", "backoff")

Checks = dict[str, tuple[bool, str]]
"""By the name of what was checked: whether it is fine, and a text."""


@click.command()
@common_options
@json_option
def doctor() -> Work | Exit:
    """Check the settings, the gateway and the webhooks.

    Shows each setting and where it was found, then whether the gateway can be reached, accepts the login and the API
    key, has the same time as this machine, and delivers to all webhooks, once each. Exits with 1 if anything is wrong.
    """
    settings: Settings = {}
    try:
        settings = find_settings()
        access = make_access(settings)
    except click.ClickException as error:
        return _show(settings, {"settings": (False, describe(error))})
    return _examine(access, settings)


async def _examine(access: Access, settings: Settings) -> Exit:
    clock: Checks = {}

    async def compare_clocks(request: Request, handler: Handler) -> Response:
        response = await handler(request)
        date = http_date(response.headers.get("date"))
        if date is not None:
            skew = date - time.time()
            off = f"this machine's is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} the gateway's"
            clock["clock"] = abs(skew) <= _SKEW, off if abs(skew) > _PRECISION else "fine"
        return response

    try:
        async with access.client(MemoryTokenStore(), middlewares=[compare_clocks]) as gwms:
            stage, end = "webhooks", _check_webhooks(await gwms.webhooks.list())
            passed = _STAGES[:-1]
    except GwmsError as error:
        stage, end = _stage_of(error), (False, describe(error))
        # A list that fails does not show that the key is fine: a proxy may have answered.
        passed = _STAGES[: min(_STAGES.index(stage), _STAGES.index("api_key"))]
    return _show(settings, {**dict.fromkeys(passed, (True, "fine")), stage: end, **clock})


def _stage_of(error: GwmsError) -> str:
    if isinstance(error, ConfigurationError):
        return "settings"
    if isinstance(error, LoginError):
        return "login"
    if "/users/login" in str(error):
        return "gateway"
    return "api_key" if exit_code_for(error) is Exit.REJECTED else "webhooks"


def _check_webhooks(webhooks: list[Webhook]) -> tuple[bool, str]:
    inactive = [str(one.id) for one in webhooks if not one.active and one.unregistered_at is None]
    hint = f": `gwms webhooks activate {' '.join(inactive[:5])}` resumes deliveries" if inactive else ""
    gone = [str(one.id) for one in webhooks if not one.active and one.unregistered_at is not None]
    rest = f"; {len(gone)} unregistered, which may be deactivated or deleted: {' '.join(gone[:5])}" if gone else ""
    copies = _copies(one for one in webhooks if one.active)
    if copies:
        rest += f"; {len(copies)} deliver what others deliver too: `gwms webhooks delete {' '.join(copies[:5])}`"
    return not inactive and not copies, f"{len(webhooks)}, {len(inactive)} of them inactive{hint}{rest}"


def _copies(webhooks: Iterable[Webhook]) -> list[str]:
    """Return the ids of those whose URL, event type and method a webhook with a lower id has too."""
    seen, copies = set[object](), list[str]()
    for webhook in sorted(webhooks, key=attrgetter("id")):
        if webhook.identity in seen:
            copies.append(str(webhook.id))
        seen.add(webhook.identity)
    return copies


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # e.g. bundled by PyInstaller, without metadata
        return "unknown"


def _show(settings: Settings, checks: Checks) -> Exit:
    libraries = {name: _version_of(name) for name in _LIBRARIES}
    versions = {"gwms-async": VERSION, **libraries, "python": platform.python_version()}
    values = {name: "***" if name in {"password", "api_key"} else shown(value) for name, (value, _) in settings.items()}
    found = {name: {"value": values[name], "source": source} for name, (_, source) in settings.items()}
    results = [{"name": name, "ok": is_fine, "message": text} for name, (is_fine, text) in checks.items()]
    lines = ["versions: " + ", ".join(f"{name} {number}" for name, number in versions.items())]
    lines += [f"{name}: {values[name]} ({source})" for name, (_, source) in settings.items()]
    lines += [f"{'ok' if is_fine else 'failed'}: {name}: {text}" for name, (is_fine, text) in checks.items()]
    print_result({"versions": versions, "settings": found, "checks": results}, "\n".join(lines))
    return Exit.DONE if all(is_fine for is_fine, _ in checks.values()) else Exit.FAILED
