"""The webhooks of a receiver in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwms_async import HttpMethod, WebhookType
from gwms_async.cli.file import WebhookFile, WebhookFileError, parse_file
from gwms_async.testing import GwmsEmulator

from ..helpers.command_line import lines, run
from ..helpers.deliveries import BASE, NEW_SECRET, SECRET, receiver_of

pytestmark = pytest.mark.usefixtures("own_cache")

FILE = f"""
[receiver]
base_url = "{BASE}"
events = ["CREATE_ORDER", "UPDATE_ORDER"]
"""
EVENTS = [
    "CREATE_ORDER",
    *("UPDATE_ORDER", "UPDATE_ORDER_STATUS", "CREATE_PRODUCT", "UPDATE_PRODUCT", "CREATE_RECEIVING"),
    *("UPDATE_RECEIVING", "UPDATE_RECEIVING_STATUS", "CREATE_RETURN", "UPDATE_RETURN", "UPDATE_RETURN_STATUS"),
    "CREATE_STOCK_MOVEMENT_ORDER",
]
MANY = f'[receiver]\nbase_url = "{BASE}"\nevents = {EVENTS}'
OTHER = """
[[webhooks]]
url = "https://shop.example/other"
events = ["CREATE_ORDER"]
"""


async def nothing(_: object) -> None:
    """Do nothing."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file, and set the secret."""
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", SECRET)
    file = tmp_path / "webhooks.toml"
    file.write_text(FILE)
    return file


@pytest.mark.usefixtures("path")
def test_it_asks_for_what_an_application_does() -> None:
    """The same URLs as a `Receiver`'s, beside other webhooks; the method is the default's if it has none of its own."""
    receiver = receiver_of(nothing, WebhookType.CREATE_ORDER, WebhookType.UPDATE_ORDER)
    with_defaults = '[defaults]\nmethod = "GET"\nprune = "https://shop.example/other/"\n'
    plain = parse_file(FILE.encode(), "x")
    both = parse_file(f'{with_defaults}{FILE}eshop = "cz"\n{OTHER}'.encode(), "x")
    own = parse_file(f'{with_defaults}{FILE}method = "POST"\n'.encode(), "x")

    assert plain == WebhookFile(tuple(receiver.specs(BASE)), None, f"{BASE}/")
    assert both.specs[1:] == tuple(receiver.specs(BASE, eshop="cz", method="GET"))
    assert (both.specs[0].url, both.specs[0].method) == ("https://shop.example/other", HttpMethod.GET)
    assert (plain.scope, both.scope) == (f"{BASE}/", f"https://shop.example/other/ and {BASE}/")
    assert own.specs == plain.specs


@pytest.mark.parametrize(
    ("content", "mistakes"),
    [
        ("receiver = 3", ["receiver: must be a table, [receiver]; got a number", "receiver.base_url: missing"]),
        ("[receiver]", ["receiver.base_url: missing", "receiver.events: missing"]),
        (FILE + "evnts = 1", ["receiver.evnts: unknown key: did you mean events?"]),
        (FILE.replace("UPDATE_ORDER", "UPDATE_ORDR"), ["receiver.events[2]: 'UPDATE_ORDR' is not a known event type"]),
        (FILE.replace("UPDATE_ORDER", "CREATE_ORDER"), ["receiver.events[2]: CREATE_ORDER is listed twice"]),
        (
            FILE.replace("https", "http"),
            ["receiver.base_url: base must be https://host/path (http on this machine only)"],
        ),
        (FILE.replace(f'"{BASE}"', "1"), ["receiver.base_url: must be a string in quotes; got a number"]),
        (FILE + 'eshop = "CZ"', ["receiver.eshop: eshop must be a label of up to 32 lower-case letters"]),
        (FILE + "eshop = 1", ["receiver.eshop: eshop must be a label of up to 32 lower-case letters"]),
        (FILE + 'method = "PUT"', ["receiver.method: 'PUT' is not a known method"]),
        (FILE + "[[webhooks]]", ["webhooks[1].url: missing"]),
    ],
)
@pytest.mark.usefixtures("path")
def test_mistakes(content: str, mistakes: list[str]) -> None:
    """All are reported, each with its path."""
    with pytest.raises(WebhookFileError) as caught:
        parse_file(content.encode(), "x")

    for mistake in mistakes:
        assert any(line.startswith(mistake) for line in caught.value.mistakes), caught.value.mistakes


@pytest.mark.parametrize(("secret", "words"), [("", "set GWMS_WEBHOOK_SECRET"), ("x", "GWMS_WEBHOOK_SECRET must have")])
def test_without_a_secret(gwms_emulator: GwmsEmulator, path: Path, secret: str, words: str) -> None:
    """Exit code 2, nothing is sent, and what to do."""
    result = run(gwms_emulator, "plan", path, GWMS_WEBHOOK_SECRET=secret)

    assert result.exit_code == 2
    assert f"webhooks.toml: receiver: {words}" in result.stderr
    assert "`gwms secret` prints a good one" in result.stderr
    assert gwms_emulator.requests == []


def test_plan_and_apply(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """What is registered is what an application with the secret subscribes to; tokens are shown on request only."""
    receiver = receiver_of(nothing, WebhookType.CREATE_ORDER, WebhookType.UPDATE_ORDER)
    expected = [spec.url for spec in receiver.specs(BASE)]
    first = run(gwms_emulator, "apply", path)
    second = run(gwms_emulator, "plan", path, "--exit-code")
    (hidden,) = lines(run(gwms_emulator, "plan", path, "--json"))
    (shown,) = lines(run(gwms_emulator, "plan", path, "--json", "--show-urls"))

    assert "+ CREATE_ORDER  POST https://shop.example/gwms/CREATE_ORDER/gw1-***\n" in first.stdout
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert {hook.url for hook in gwms_emulator.webhooks} == set(expected)
    assert {one["url"] for one in shown["unchanged"]} == set(expected)
    assert all(one["url"].endswith("/gw1-***") for one in hidden["unchanged"])


def test_another_secret(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """With --prune, what has the old secret is replaced, and not guarded; foreign webhooks stay."""
    path.write_text(MANY)
    run(gwms_emulator, "apply", path)
    old = {hook.url for hook in gwms_emulator.webhooks}
    gwms_emulator.add_webhook(f"{BASE}/by-hand", "CREATE_ORDER")
    rotated = {"GWMS_WEBHOOK_SECRET": NEW_SECRET, "GWMS_WEBHOOK_SECRET_OLD": SECRET}
    kept = run(gwms_emulator, "plan", path, **rotated)
    replaced = run(gwms_emulator, "apply", path, "--prune", "--yes", **rotated)

    assert kept.stdout.endswith(f"\n12 more under {BASE}/; --prune would delete them\n")
    assert replaced.exit_code == 0
    assert replaced.stdout.endswith("24 webhooks: 12 created, 12 deleted\n")
    assert len(gwms_emulator.webhooks) == 13
    assert old.isdisjoint(hook.url for hook in gwms_emulator.webhooks)


def test_what_is_not_replaced_is_guarded(gwms_emulator: GwmsEmulator, path: Path) -> None:
    """Event types that are no longer listed count, those with another secret do not."""
    path.write_text(MANY)
    run(gwms_emulator, "apply", path)
    path.write_text(FILE)
    refused = run(gwms_emulator, "apply", path, "--prune", "--yes", GWMS_WEBHOOK_SECRET=NEW_SECRET)

    assert refused.exit_code == 1
    assert f"this would delete 10 of the 12 webhooks under {BASE}/, more than 30%" in refused.stderr
    assert len(gwms_emulator.webhooks) == 12
