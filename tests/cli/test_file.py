"""The file of webhooks, and its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gwms_async import HttpMethod, WebhookSpec, WebhookType
from gwms_async.cli.commands import gwms
from gwms_async.cli.file import LIMIT, WebhookFile, WebhookFileError, parse_file

GOOD = b"""
[defaults]
method = "GET"
active = false
prune = "https://shop.example/gwms/"

[[webhooks]]
url = "https://shop.example/gwms/orders"
events = ["CREATE_ORDER", "UPDATE_ORDER"]

[[webhooks]]
url = "https://shop.example/gwms/orders"
events = ["CREATE_ORDER"]
method = "POST"
active = true
"""
ONE = '[[webhooks]]\nurl = "https://shop.example/a"\n'
FINE = f'{ONE}events = ["CREATE_ORDER"]\n'
MALFORMED: dict[str | bytes, list[str]] = {
    "": ["is empty: add a [[webhooks]] table"],
    "# only a remark": ["is empty: add a [[webhooks]] table"],
    b"\xff\xfeu": ["line 1 is not UTF-8: save the file as UTF-8"],
    b"a = 1\n# caf\xe9": ["line 2 is not UTF-8"],
    "#" * (LIMIT + 1): ["larger than 1,048,576 bytes"],
    "webhooks": ["not valid TOML", "end of document"],
    "[[webhooks]": ["not valid TOML"],
    "a = 2026-02-30": ["not valid TOML"],
    "a = " + "9" * 5000: ["not valid TOML"],
    "a = " + "[" * 20_000: ["nested too deeply"],
    "[defaults]": ["webhooks: missing"],
    "webhooks = 3": ["webhooks: must be a list of tables, [[webhooks]]; got a number"],
    "webhooks = [3]": ["webhooks[1]: must be a table; got a number"],
    "defaults = 3\n" + FINE: ["defaults: must be a table, [defaults]; got a number"],
    FINE.replace("[[webhooks", "[[webhook"): ["webhook: unknown key: did you mean webhooks?"],
    FINE + 'metod = "POST"': ["webhooks[1].metod: unknown key: did you mean method?"],
    FINE + "xyz = 1": ["webhooks[1].xyz: unknown key: choose from url, events, method, active"],
    FINE + '"a b\\u001b" = 1': ["webhooks[1].'a b\\x1b': unknown key"],
    '[defaults]\npurne = "https://a/"\n' + FINE: ["defaults.purne: unknown key: did you mean prune?"],
    ONE: ["webhooks[1].events: missing"],
    '[[webhooks]]\nevents = ["CREATE_ORDER"]': ["webhooks[1].url: missing"],
    ONE + "events = []": ["webhooks[1].events: must be a list of event types", "; got an empty list"],
    ONE + 'events = "CREATE_ORDER"': ["webhooks[1].events: must be a list of event types", "; got a string"],
    ONE + "events = [true]": ["webhooks[1].events[1]: must be an event type in quotes; got a boolean"],
    ONE + 'events = ["UPDATE_ORDR"]': [
        "webhooks[1].events[1]: 'UPDATE_ORDR' is not a known event type: did you mean UPDATE_ORDER?"
    ],
    ONE + 'events = ["update_order"]': ["did you mean UPDATE_ORDER?"],
    ONE + 'events = ["CREATE_ORDER", "CREATE_ORDER"]': ["webhooks[1].events[2]", "first at webhooks[1].events[1]"],
    FINE + FINE: ["webhooks[2].events[1]: CREATE_ORDER is listed twice", "first at webhooks[1].events[1]"],
    FINE + FINE.replace("https://shop", "HTTPS://SHOP"): ["webhooks[2].events[1]: CREATE_ORDER is listed twice"],
    FINE + 'method = "PSOT"': ["webhooks[1].method: 'PSOT' is not a known method: did you mean POST?"],
    FINE + "method = 1.5": ["webhooks[1].method: must be a string in quotes; got a number"],
    FINE + 'active = "yes"': ["webhooks[1].active: must be true or false without quotes; got a string"],
    FINE + "active = 2026-01-01": ["; got a date or time"],
    FINE.replace("https:", " https:"): ["webhooks[1].url", "did you mean 'https://shop.example/a'?"],
    FINE.replace("/a", "/a b"): ["webhooks[1].url: 'https://shop.example/a b' contains a space\n"],
    FINE.replace("https://shop.example/a", f"https://ann:{'hunter2' * 9}@shop.example/a b"): [
        "webhooks[1].url: 'https://***@shop.example/a b' contains a space\n"
    ],
    FINE.replace("/a", "/a "): ["'https://shop.example/a ' contains a space: did you mean 'https://shop.example/a'?"],
    FINE.replace("https:", "htps:"): ["webhooks[1].url: 'htps://shop.example/a' is not a valid URL, e.g."],
    FINE.replace("example/", "example:99999/"): ["webhooks[1].url: 'https://shop.example:99999/a' is not a valid URL"],
    '[defaults]\nprune = "https://a.example:99999/"\n' + FINE: ["defaults.prune: 'https://a.example:99999/' must be a"],
    '[defaults]\nprune = "https://shop.example"\n' + FINE: ["did you mean 'https://shop.example/'?"],
    '[defaults]\nprune = ""\n' + FINE: ["defaults.prune: '' must be a URL and must end with a slash"],
    '[defaults]\nprune = 1\nactive = 1\nmethod = "PUT"\n' + ONE + "evnts = 1": ["5 mistakes"],
}


def test_a_good_file() -> None:
    """Defaults apply where a webhook does not override them; a byte order mark and CRLF are accepted."""
    url, get = "https://shop.example/gwms/orders", HttpMethod.GET
    wanted = WebhookFile(
        (
            WebhookSpec(url, WebhookType.CREATE_ORDER, active=False, method=get),
            WebhookSpec(url, WebhookType.UPDATE_ORDER, active=False, method=get),
            WebhookSpec(url, WebhookType.CREATE_ORDER),
        ),
        "https://shop.example/gwms/",
    )

    assert parse_file(GOOD, "shop.toml") == wanted
    assert parse_file(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"), "shop.toml") == wanted
    assert parse_file(b"webhooks = []", "shop.toml") == WebhookFile(())


@pytest.mark.parametrize("content", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_file(content: str | bytes, tmp_path: Path) -> None:
    """The message says what is wrong and where; exit code 2, no traceback, nothing is sent."""
    path = tmp_path / "shop.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    access = ["--username", "u", "--password", "p", "--api-key", "k", "--base-url", "http://127.0.0.1:9"]

    result = CliRunner().invoke(gwms, ["plan", str(path), *access])

    assert result.exit_code == 2
    assert not result.stdout
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    for words in ("shop.toml: ", *MALFORMED[content]):
        assert words in result.stderr


@pytest.mark.parametrize(("name", "words"), [("", "directory"), ("none.toml", "no such file")])
def test_an_unreadable_file(name: str, words: str, tmp_path: Path) -> None:
    """A directory, and a missing file."""
    access = ["--username", "u", "--password", "p", "--api-key", "k"]

    result = CliRunner().invoke(gwms, ["apply", str(tmp_path / name), *access])

    assert result.exit_code == 2
    assert f"cannot be read: {words}" in result.stderr.replace("is a", "").replace("read:  ", "read: ")


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(
        st.sampled_from(
            [*'[]{}="\n.,#\\', "[[webhooks]]\n", "url", "events", "method", "active", "prune", "[defaults]\n"]
        )
        | st.sampled_from(['"https://a.example/"', "CREATE_ORDER", "1", "true", "1e9", "2026-01-01", "[" * 2000]),
        max_size=40,
    ).map(lambda parts: "".join(parts).encode())
)
def test_any_content(content: bytes) -> None:
    """It is parsed, or there is a list of mistakes; nothing else is raised."""
    try:
        result = parse_file(content, "shop.toml")
    except WebhookFileError as error:
        assert error.mistakes  # noqa: PT017  # either is fine
    else:
        assert len({spec.identity for spec in result.specs}) == len(result.specs)
