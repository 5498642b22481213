"""Whatever commands print, the tokens in URLs are not in it, unless --show-urls asks for them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gwms_async import WebhookType
from gwms_async.testing import GwmsEmulator, RawBody, Status

from ..helpers.command_line import hurry, run
from ..helpers.deliveries import BASE, SECRET, receiver_of

pytestmark = pytest.mark.usefixtures("own_cache")

FILE = f'[receiver]\nbase_url = "{BASE}"\nevents = ["CREATE_ORDER", "UPDATE_ORDER"]\n'


async def nothing(_: object) -> None:
    """Do nothing."""


ORDERS = [spec.url for spec in receiver_of(nothing, WebhookType.CREATE_ORDER, WebhookType.UPDATE_ORDER).specs(BASE)]
TOKENS = [urlsplit(url).path.split("/")[-1] for url in ORDERS]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secret."""
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", SECRET)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a file."""
    file = tmp_path / "webhooks.toml"
    file.write_text(FILE)
    return file


def hunt(text: str) -> None:
    """Fail where a text shows the secret, or eight signs of a token."""
    assert SECRET not in text
    for token in TOKENS:
        for start in range(4, len(token) - 8):
            assert token[start : start + 8] not in text


def test_commands(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """All that succeed, in colour with --debug, and with --json."""
    url, output = ORDERS[0], ""
    for options, colours in ((["--debug"], "1"), (["--json"], None)):
        for words in (
            ["plan", path],
            ["apply", path],
            ["plan", path, "--prune", "--exit-code"],
            ["webhooks", "list"],
            ["webhooks", "list", "--matrix"],
            ["webhooks", "get", "1"],
            ["webhooks", "create", url, "CREATE_ORDER", "UPDATE_PRODUCT"],
            ["webhooks", "update", "1", "--url", f"{url}/"],
            ["webhooks", "update", "1", "--url", url],
            ["webhooks", "deactivate", "1"],
            ["apply", path, "--prune", "--yes"],
            ["doctor"],
        ):
            result = run(gwms_emulator, *words, *options, FORCE_COLOR=colours, COLUMNS="300")
            assert result.exit_code in {0, 1, 5}, result.output
            output += result.output
    output += run(gwms_emulator, "export").output + run(gwms_emulator, "export", GWMS_WEBHOOK_SECRET=None).output

    assert output.count("gw1-***") > 30
    hunt(output)


def test_errors(gwms_emulator: GwmsEmulator, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that repeats URLs, and texts that were typed."""
    hurry(monkeypatch)
    url, output = ORDERS[0], ""
    nowhere = url.replace("https://shop.example", "http://127.0.0.1:1")
    path.with_name("typed.toml").write_text(f'[defaults]\nprune = "{url}"\n[[webhooks]]\nurl = "x{url}"\n')
    for options in ([], ["--json"], ["--debug"]):
        for fault in (Status(400, message=f"{url} exists"), Status(403, body=url.encode()), RawBody(url.encode())):
            for operation, words in (
                ("create", ["apply", path]),
                ("list", ["webhooks", "list"]),
                ("get", ["webhooks", "get", "1"]),
                ("delete", ["webhooks", "delete", "1", "--yes"]),
            ):
                if operation == "create" and isinstance(fault, RawBody):
                    continue  # it would take seconds to find out what became of it
                gwms_emulator.inject(fault, operation=operation)
                output += run(gwms_emulator, *words, *options).output
        for words in (
            ["plan", path.with_name("typed.toml")],
            ["plan", url],
            ["webhooks", "get", url],
            ["webhooks", "create", f"ftp{url}", "CREATE_ORDER"],
            ["webhooks", "create", "https://shop.example/", url],
            ["webhooks", url],
            ["webhooks", "list", url],
            ["webhooks", "list", f"--{url}"],
            ["export", "--prefix", url],
            ["trigger", "UPDATE_ORDER", "--to", nowhere, "--id", url],
            ["webhooks", "list", "--base-url", nowhere],
        ):
            output += run(gwms_emulator, *words, *options).output

    assert output.count("gw1-***") > 50
    hunt(output)


@pytest.mark.parametrize("as_json", [True, False])
def test_urls_are_shown_where_that_is_asked_for(gwms_emulator: GwmsEmulator, path: Path, *, as_json: bool) -> None:
    """By each command that prints URLs, and not by the next one."""
    url = ORDERS[0]
    for words in (
        ["plan", path],
        ["apply", path, "--dry-run"],
        ["webhooks", "create", url, "CREATE_ORDER"],
        ["apply", path],
        ["webhooks", "list"],
        ["webhooks", "list", "--matrix"],
        ["webhooks", "get", "1"],
        ["webhooks", "update", "1", "--active"],
        ["webhooks", "create", url, "CREATE_ORDER"],
    ):
        options = ["--json"] if as_json else []
        hunt(run(gwms_emulator, *words, "--dry-run" if words[0] == "apply" else "--debug", *options).output)
        output = run(gwms_emulator, *words, *options, "--show-urls").stdout
        assert any(token in output for token in TOKENS), words
