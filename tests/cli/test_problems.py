"""What went wrong, in terms of the command line."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest

from gwms_async import (
    ApiError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    LoginError,
    NotFoundError,
    ServerError,
    ThrottledError,
)
from gwms_async.cli.problems import describe, port_errors, problem_of, shown
from gwms_async.errors import Cause
from gwms_async.testing import GwmsEmulator, Html, RateLimit, Status

from ..helpers.command_line import hurry, lines, run

pytestmark = pytest.mark.usefixtures("own_cache", "quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries hardly wait."""
    hurry(monkeypatch)


def answered(kind: type[ApiError], status: int, path: str = "/webhooks", **details: Any) -> ApiError:
    """Create the error of a response."""
    return kind(status=status, message="no", method="GET", path=path, **details)


@pytest.mark.parametrize("path", ["/webhooks/99999", "/webhooks/99999/activate"])
def test_a_webhook_that_is_not_found(path: str) -> None:
    """The message names it, and the command that helps."""
    assert describe(answered(NotFoundError, 404, path)) == (
        "webhook 99999 not found (404). `gwms webhooks list` shows what exists; is this the right e-shop's key?"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (answered(NotFoundError, 404), "GET /webhooks failed with 404 after 1 attempt: no; check the path and its "),
        (answered(ServerError, 500, attempts=5), "GET /webhooks failed with 500 after 5 attempts: no; try again later"),
        (
            answered(ThrottledError, 429, retry_after=90.0),
            "after 1 attempt: no; send fewer requests at a time; the gateway asks to wait 90 s",
        ),
        (answered(ApiError, 418), "GET /webhooks failed with 418 after 1 attempt: no"),
        (DeadlineExceededError("GET /webhooks: the deadline passed"), "passed; allow more time with --timeout"),
        (DecodeError("the response is not JSON"), "the response is not JSON; is this the gateway?"),
        (ConfigurationError("base_url must be https"), "the base URL must be https"),
        (OSError("the disk is full"), "the disk is full"),
        (ValueError("must be a URL"), "must be a URL"),
        (click.UsageError("no such option"), "no such option"),
        (click.UsageError("receiver.base_url: must be a string"), "receiver.base_url: must be a string"),
        (click.UsageError("did you mean api_key?"), "did you mean api_key?"),
        (ConnectionFailedError("broke", cause=Cause.UNKNOWN, attempts=2), "(broke), 2 attempts; try again later"),
        (ConnectionFailedError("no route", cause=Cause.NEVER_SENT), "1 attempt; check the base URL and the network"),
        (
            ConnectionFailedError(
                "", cause=Cause.MISCONFIGURED, reason="the proxy did not connect to the gateway: it answered 407"
            ),
            "it answered 407), 1 attempt; check HTTPS_PROXY and the network",
        ),
    ],
)
def test_texts(error: Exception, text: str) -> None:
    """Each says what happened and what to do."""
    assert text in describe(error)
    assert not describe(error).endswith(("; ", ". "))
    assert "/v21" not in describe(error)


def test_a_401_of_a_proxy(gwms_emulator: GwmsEmulator) -> None:
    """What it says is shown: the key need not be wrong."""
    gwms_emulator.inject(Status(401, body=b"<h1>Who are you?</h1>"), operation="list", times=9)
    result = run(gwms_emulator, "webhooks", "list")

    assert "failed with 401 after 2 attempts: Unauthorized (<h1>Who are you?</h1>); check the e-shop's" in result.stderr
    assert "perhaps sent by a proxy, not by the gateway\n" in result.stderr


def test_no_duration_of_a_cooldown() -> None:
    """The process has ended by then."""
    error = LoginError(
        "the login was rejected with 401: no "
        "(check username, password and base_url; no further login is tried for 60 s)",
        status=401,
    )

    assert describe(error).startswith("the login was rejected with 401: no; check ")
    assert " s" not in describe(error).partition("check")[2]


def test_urls() -> None:
    """They are shown without username and password, wherever they stand."""
    assert shown("'HTTPS://ann:hunter2@gw.example/x@y' or http://a@b") == "'HTTPS://***@gw.example/x@y' or http://***@b"
    assert shown("https://gw.example/?mail=ann@gw.example") == "https://gw.example/?mail=ann@gw.example"
    assert "hunter2" not in describe(click.UsageError("https://ann:hunter2@gw.example is not a valid URL"))


@pytest.mark.parametrize("start", ["ftp://", "https:/", "htps://", ""])
def test_mistyped_urls(gwms_emulator: GwmsEmulator, start: str) -> None:
    """They are shown without the password too, by the doctor and in errors."""
    url = f"{start}ann:hunter2@gw.example/v21"
    for arguments in (["doctor"], ["doctor", "--json"], ["webhooks", "create", url, "CREATE_ORDER"]):
        result = run(gwms_emulator, *arguments, GWMS_BASE_URL=url)

        assert result.exit_code in {1, 2}
        assert "***@gw.example/v21" in result.output or arguments[0] != "doctor"
        assert "hunter2" not in result.output


def test_json(gwms_emulator: GwmsEmulator) -> None:
    """One object on stdout for each kind of error, and nothing on stderr."""
    gwms_emulator.inject(Status(500), operation="list", times=5)
    failed = run(gwms_emulator, "webhooks", "list", "--json")
    password = run(gwms_emulator, "login", "--json", GWMS_PASSWORD="wrong")
    key = run(gwms_emulator, "webhooks", "list", "--json", GWMS_API_KEY="wrong")
    setting = run(gwms_emulator, "webhooks", "list", "--json", GWMS_BASE_URL="http://gw.example/v21")
    usage = run(gwms_emulator, "webhooks", "update", "1", "--json")
    gwms_emulator.rate_limit = RateLimit(0.001, 1)
    run(gwms_emulator, "webhooks", "list")
    throttled = run(gwms_emulator, "webhooks", "list", "--json")

    results = [failed, password, key, setting, usage, throttled]
    errors = [lines(result)[0]["error"] for result in results]
    assert [result.stderr for result in results] == [""] * 6
    assert [result.exit_code for result in results] == [1, 4, 4, 2, 2, 1]
    assert [error["type"] for error in errors] == [
        "ServerError",
        "LoginError",
        "AuthenticationError",
        "ConfigurationError",
        "UsageError",
        "ThrottledError",
    ]
    assert errors[0] == {
        "type": "ServerError",
        "message": "GET /webhooks failed with 500 after 5 attempts: Emulated fault",
        "status": 500,
        "path": "/webhooks",
        "attempts": 5,
        "retry_after": None,
        "hint": "try again later",
    }
    assert errors[1]["status"] == 401
    assert errors[1]["hint"] == "check username (GWMS_USERNAME) and password (GWMS_PASSWORD)"
    assert errors[2]["hint"] == "check it (GWMS_API_KEY)"
    assert errors[5]["retry_after"] > 60


@pytest.mark.parametrize(
    ("base_url", "fault", "text"),
    [
        ("http://127.0.0.1:9/v21", None, "Error: cannot reach http://127.0.0.1:9 (connection refused), 5 attempts"),
        ("http://127.0.0.1:9/v21", None, " s; is the emulator running?\n"),
        ("https://HOST/v21", None, "cannot reach https://HOST (wrong version number), 1 attempt in 0."),
        ("https://HOST/v21", None, " s; does it speak https? For a private CA, pass --ca FILE\n"),
        ("http://HOST", None, "; did you mean the base URL http://HOST/v21?\n"),
        (
            "http://HOST/v21",
            Status(404),
            "(not from a login endpoint: check the base URL and the proxies on the way); is",
        ),
        ("http://HOST", Status(404), "is this the gateway?; did you mean the base URL http://HOST/v21?\n"),
        ("http://HOST/v21", Html(), "perhaps a proxy's page; check the base URL; is this the gateway?\n"),
    ],
)
def test_a_gateway_that_is_not_there(gwms_emulator: GwmsEmulator, base_url: str, fault: Any, text: str) -> None:
    """The text says where nobody answers, and what that may be."""
    host = gwms_emulator.base_url.removeprefix("http://").removesuffix("/v21")
    if fault is not None:
        gwms_emulator.inject(fault, operation="login" if base_url.endswith("/v21") else "other")
    result = run(gwms_emulator, "login", "--base-url", base_url.replace("HOST", host))

    assert text.replace("HOST", host) in result.stderr
    assert result.stderr.count("\n") == 1


def test_all_keys_are_there() -> None:
    """Whatever the error."""
    keys = ["type", "message", "status", "path", "attempts", "retry_after", "hint"]

    assert list(problem_of(ValueError("no"))) == list(problem_of(answered(ServerError, 500))) == keys
    assert json.dumps(problem_of(answered(ThrottledError, 429, retry_after=1.5)))


def test_a_port_that_is_taken_on_windows() -> None:
    """Its numbers have no text of their own, so the error's is shown."""
    with pytest.raises(OSError, match=r"\(only one usage .* is permitted\); --port 0"), port_errors():
        raise OSError(10048, "Only one usage of each socket address is permitted")
