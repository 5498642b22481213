"""The file of webhooks that exist."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.cli.export import as_file
from gwms_async.cli.file import LIMIT, parse_file
from gwms_async.receiving import Receiver
from gwms_async.registration.plan import claimed_by, make_plan
from gwms_async.registration.snapshot import is_tombstone
from gwms_async.testing import GwmsEmulator

from ..helpers import strategies as our
from ..helpers.command_line import run
from ..helpers.deliveries import BASE, NEW_SECRET, SECRET, receiver_of

pytestmark = pytest.mark.usefixtures("own_cache")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOOK = Webhook(1, "https://shop.example/a", WebhookType.UPDATE_ORDER, active=True, method=HttpMethod.POST)
FULL = """\
[[webhooks]]
url = "https://shop.example/a"
events = [
    "CREATE_ORDER",
]
method = "GET"
active = false

[[webhooks]]
url = "https://shop.example/a"
events = [
    "CREATE_ORDER",
    "UPDATE_ORDER",
]

# Left out:
# NEW_EVENT  POST https://shop.example/a  (id 4: event type unknown to this version)
# UPDATE_ORDER  PUT https://shop.example/a  (id 5: method unknown to this version)
# UPDATE_ORDER  POST https://shop.example:99999/\\U0000000aa = 1  (id 6: not a valid URL)
# UPDATE_ORDER  POST HTTPS://shop.example:443/a  (id 7: a copy of 1)
# UPDATE_ORDER  POST https://shop.example/a  (id 8: paused or deleted; a list does not say which)
# UPDATE_ORDER  POST https://\\U0000d800@shop.example/a  (id 9: not a valid URL)
"""


def test_what_exists() -> None:
    """Grouped by URL, method and state; what a file cannot ask for is a comment with its reason."""
    there = [
        HOOK,
        evolve(HOOK, id=2, webhook_type=WebhookType.CREATE_ORDER),
        evolve(HOOK, id=3, webhook_type=WebhookType.CREATE_ORDER, method=HttpMethod.GET, active=False),
        evolve(HOOK, id=4, webhook_type=WebhookType.unlisted("NEW_EVENT")),
        evolve(HOOK, id=5, method=HttpMethod.unlisted("PUT")),
        evolve(HOOK, id=6, url="https://shop.example:99999/\na = 1"),
        evolve(HOOK, id=7, url="HTTPS://shop.example:443/a"),
        evolve(HOOK, id=8, active=False, unregistered_at=NOW),
        evolve(HOOK, id=9, url="https://\ud800@shop.example/a"),
    ]

    assert as_file(reversed(there)) == FULL


def test_the_copy_that_delivers_is_listed() -> None:
    """Paused ones beside it are comments."""
    text = as_file([evolve(HOOK, active=False), evolve(HOOK, id=2)])

    assert [spec.active for spec in parse_file(text.encode(), "x").specs] == [True]
    assert "# UPDATE_ORDER  POST https://shop.example/a  (id 1: a copy of 2)" in text


def test_nothing_there() -> None:
    """A template in comments, which is a valid file once they are removed."""
    text = as_file([])
    _, _, example_file = text.partition("\n")

    assert tomllib.loads(text) == {}
    assert len(parse_file(re.sub("(?m)^# ?", "", example_file).encode(), "x").specs) == 2


nasty = st.text(
    st.characters(exclude_characters=" \x7f", exclude_categories=("Cc", "Cs")), max_size=20
) | st.sampled_from(["\"\\'#", "'''", '"""', "\\u0041", "\u2028", "\U0001f600\ufeff", "%41/../a", "a/./b?c=[d]#e"])
stored = st.builds(
    Webhook,
    st.integers(1),
    st.builds("{}/{}".format, st.sampled_from(["https://a.example", "HTTPS://A.example:443", "http://b"]), nasty),
    our.types,
    st.booleans(),
    our.methods,
)


@given(st.lists(stored, max_size=12, unique_by=lambda webhook: webhook.id))
def test_a_plan_of_it_changes_nothing(webhooks: list[Webhook]) -> None:
    """Each webhook that a file can express is in it, whatever its URL."""
    text = as_file(webhooks)
    specs = parse_file(text.encode("ascii"), "x").specs if webhooks else ()
    plan = make_plan(specs, webhooks, claimed_by(None))

    assert plan.changes == 0
    assert {one.identity for one in plan.unchanged} == {one.identity for one in webhooks}
    assert {one.url for one in plan.unchanged} == {one.url for one in specs}


@given(st.lists(our.webhooks, max_size=8, unique_by=lambda webhook: webhook.id))
@example([evolve(HOOK, url="x\n[defaults]\nprune = 'https://shop.example/'")])
def test_nothing_escapes_from_a_comment(webhooks: list[Webhook]) -> None:
    """Whatever a gateway lists, the file is valid, asks for nothing else, and never prunes."""
    data = tomllib.loads(as_file(webhooks))

    assert data.keys() <= {"webhooks"}
    assert {table["url"] for table in data.get("webhooks", ())} <= {
        one.url for one in webhooks if not is_tombstone(one)
    }


def test_export_and_plan(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """What a gateway lists, in its own spelling, is as the file says; --prefix selects by canonical URL."""
    for url in ("HTTPS://shop.example:443/gwms/\u00e9\"'", "https://shop.example/other"):
        gwms_emulator.add_webhook(url, "CREATE_ORDER")
    path = tmp_path / "webhooks.toml"
    exported = run(gwms_emulator, "export")
    part = run(gwms_emulator, "export", "--prefix", "https://shop.example/gwms/")
    path.write_bytes(exported.stdout_bytes)
    planned = run(gwms_emulator, "plan", "--exit-code", path)

    assert (exported.exit_code, exported.stderr, planned.exit_code) == (0, "", 0)
    assert planned.stdout == "nothing to do, 2 unchanged\n"
    assert [one.url for one in parse_file(part.stdout_bytes, "x").specs] == ["HTTPS://shop.example:443/gwms/\u00e9\"'"]


def test_an_invalid_prefix(gwms_emulator: GwmsEmulator) -> None:
    """It is a usage error."""
    result = run(gwms_emulator, "export", "--prefix", "https://shop.example")

    assert result.exit_code == 2
    assert "must be a URL that ends with a slash; got 'https://shop.example'" in result.stderr
    assert gwms_emulator.requests == []


def test_a_file_too_large_to_be_read(gwms_emulator: GwmsEmulator) -> None:
    """There is a warning."""
    for number in range(2):
        gwms_emulator.add_webhook(f"https://shop.example/{number}{'x' * (LIMIT // 2)}", "CREATE_ORDER")
    result = run(gwms_emulator, "export")

    assert len(result.stdout) > LIMIT
    assert "Warning: `plan` and `apply` read files of at most 1,048,576 bytes" in result.stderr


async def nothing(_: object) -> None:
    """Do nothing."""


RECEIVER = receiver_of(nothing)
DERIVED = """\
[receiver]
base_url = "https://shop.example/gwms"
eshop = "cz"
events = [
    "CREATE_ORDER",
    "UPDATE_ORDER",
]
method = "GET"

[[webhooks]]
url = "https://shop.example/a"
events = [
    "UPDATE_ORDER",
]

# Left out:
# UPDATE_RETURN  POST https://shop.example/gwms/UPDATE_RETURN/gw1-***  (id 10: a file has only one [receiver])
# CREATE_RETURN  POST https://shop.example/gwms/CREATE_RETURN/gw1-***  (id 11: REASON)
# UPDATE_ORDER  POST https://shop.example/gwms/UPDATE_ORDER/gw1-***  (id 12: REASON)
# UPDATE_ORDER  POST ftp://shop.example/UPDATE_ORDER/gw1-***  (id 13: not a valid URL)
# UPDATE_ORDER  POST https://gw1-***/  (id 14: REASON)
# UPDATE_ORDER  POST https://shop.example/g?x=1/UPDATE_ORDER/gw1-***  (id 15: REASON)
""".replace("REASON", "a receiver's: paused, or not derived from the current GWMS_WEBHOOK_SECRET")


def test_the_urls_of_a_receiver() -> None:
    """They are in a table that derives them, or comments, and never shown; a plan of the file changes nothing."""
    specs = {spec.webhook_type: spec for spec in RECEIVER.specs(BASE)}
    cz = {spec.webhook_type: spec for spec in RECEIVER.specs(BASE, eshop="cz", method="GET")}
    other = Receiver(NEW_SECRET)
    other.on("UPDATE_ORDER")(nothing)
    token = specs[WebhookType.UPDATE_ORDER].url.rpartition("/")[2]
    urls = [spec.url for spec in (cz[WebhookType.UPDATE_ORDER], cz[WebhookType.CREATE_ORDER])]
    there = [
        HOOK,
        evolve(HOOK, id=2, url=urls[0].replace("https", "HTTPS"), method=HttpMethod.GET),
        evolve(HOOK, id=3, url=urls[1], webhook_type=WebhookType.CREATE_ORDER, method=HttpMethod.GET),
        evolve(HOOK, id=10, url=specs[WebhookType.UPDATE_RETURN].url, webhook_type=WebhookType.UPDATE_RETURN),
        evolve(
            HOOK, id=11, url=specs[WebhookType.CREATE_RETURN].url, webhook_type=WebhookType.CREATE_RETURN, active=False
        ),
        evolve(HOOK, id=12, url=other.specs(BASE)[0].url),
        evolve(HOOK, id=13, url=f"ftp://shop.example/UPDATE_ORDER/{token}"),
        evolve(HOOK, id=14, url=f"https://{token}/"),
        evolve(HOOK, id=15, url=f"https://shop.example/g?x=1/UPDATE_ORDER/{token}"),
    ]

    assert as_file(there, RECEIVER) == DERIVED
    assert "[receiver]" not in as_file(there)
    assert "gw1-" not in as_file(there).replace("gw1-***", "")


def test_export_and_plan_of_a_receiver(
    gwms_emulator: GwmsEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the secret in the environment the file is complete, whatever the gateway's spelling."""
    monkeypatch.setenv("GWMS_WEBHOOK_SECRET", SECRET)
    for spec in RECEIVER.specs(BASE):
        gwms_emulator.add_webhook(spec.url.replace("https://shop", "HTTPS://SHOP"), spec.webhook_type)
    path = tmp_path / "webhooks.toml"
    path.write_bytes(run(gwms_emulator, "export").stdout_bytes)
    planned = run(gwms_emulator, "plan", "--exit-code", "--prune", path)
    without = run(gwms_emulator, "export", GWMS_WEBHOOK_SECRET=None)

    assert (planned.exit_code, planned.stdout) == (0, "nothing to do, 18 unchanged\n")
    assert without.stdout.count("not derived from the current GWMS_WEBHOOK_SECRET") == 18
    assert "gw1-" not in (path.read_text() + without.stdout).replace("gw1-***", "")
