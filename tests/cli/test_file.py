"""The file of webhooks: what it may say, and what its mistakes are answered."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rich", reason="the command line is an extra")

from click.testing import CliRunner
from hypothesis import given, settings
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
    "": ["holds nothing"],
    "# only a remark": ["holds nothing"],
    b"\xff\xfeu": ["line 1 is not UTF-8: save the file as UTF-8"],
    b"a = 1\n# caf\xe9": ["line 2 is not UTF-8"],
    "#" * (LIMIT + 1): ["larger than 1,048,576 bytes"],
    "webhooks": ["not TOML", "end of document"],
    "[[webhooks]": ["not TOML"],
    "a = 2026-02-30": ["not TOML"],
    "a = " + "9" * 5000: ["not TOML"],
    "a = " + "[" * 20_000: ["nested too deeply"],
    "[defaults]": ["webhooks: missing"],
    "webhooks = 3": ["webhooks: must be a list of tables, [[webhooks]], and is a number"],
    "webhooks = [3]": ["webhooks[1]: must be a table and is a number"],
    "defaults = 3\n" + FINE: ["defaults: must be a table, [defaults], and is a number"],
    FINE.replace("[[webhooks", "[[webhook"): ["webhook: unknown key: did you mean webhooks?"],
    FINE + 'metod = "POST"': ["webhooks[1].metod: unknown key: did you mean method?"],
    FINE + "xyz = 1": ["webhooks[1].xyz: unknown key: choose from url, events, method, active"],
    FINE + '"a b\\u001b" = 1': ["webhooks[1].'a b\\x1b': unknown key"],
    '[defaults]\npurne = "https://a/"\n' + FINE: ["defaults.purne: unknown key: did you mean prune?"],
    ONE: ["webhooks[1].events: missing"],
    '[[webhooks]]\nevents = ["CREATE_ORDER"]': ["webhooks[1].url: missing"],
    ONE + "events = []": ["webhooks[1].events: must be a list of events", "and is empty"],
    ONE + 'events = "CREATE_ORDER"': ["webhooks[1].events: must be a list of events", "and is a text"],
    ONE + "events = [true]": ["webhooks[1].events[1]: must be the name of an event and is true or false"],
    ONE + 'events = ["UPDATE_ORDR"]': ["webhooks[1].events[1]: 'UPDATE_ORDR' is no event: did you mean UPDATE_ORDER?"],
    ONE + 'events = ["update_order"]': ["did you mean UPDATE_ORDER?"],
    ONE + 'events = ["CREATE_ORDER", "CREATE_ORDER"]': ["webhooks[1].events[2]", "first at webhooks[1].events[1]"],
    FINE + FINE: ["webhooks[2].events[1]: CREATE_ORDER is asked for twice", "first at webhooks[1].events[1]"],
    FINE + 'method = "PSOT"': ["webhooks[1].method: 'PSOT' is no method: did you mean POST?"],
    FINE + "method = 1.5": ["webhooks[1].method: must be a text, in quotes, and is a number"],
    FINE + 'active = "yes"': ["webhooks[1].active: must be true or false, without quotes, and is a text"],
    FINE + "active = 2026-01-01": ["and is a date or time"],
    FINE.replace("https:", " https:"): ["webhooks[1].url", "did you mean 'https://shop.example/a'?"],
    FINE.replace("https:", "htps:"): ["webhooks[1].url: 'htps://shop.example/a' is no address such as"],
    '[defaults]\nprune = "https://shop.example"\n' + FINE: ["did you mean 'https://shop.example/'?"],
    '[defaults]\nprune = ""\n' + FINE: ["defaults.prune: '' is no address that ends with a slash"],
    '[defaults]\nprune = 1\nactive = 1\nmethod = "PUT"\n' + ONE + "evnts = 1": ["5 mistakes"],
}


def test_a_good_file() -> None:
    """Defaults hold where a webhook says nothing else; a byte order mark and Windows' line ends do no harm."""
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
    """It is told what is wrong and where, with exit code 2, without a traceback, and nothing is sent."""
    path = tmp_path / "shop.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    access = ["--username", "u", "--password", "p", "--api-key", "k", "--base-url", "http://127.0.0.1:9"]

    end = CliRunner().invoke(gwms, ["plan", str(path), *access])

    assert end.exit_code == 2
    assert not end.stdout
    assert "Traceback" not in end.stderr
    assert "\x1b" not in end.stderr
    for words in ("shop.toml: ", *MALFORMED[content]):
        assert words in end.stderr


@pytest.mark.parametrize(("name", "words"), [("", "directory"), ("none.toml", "No such file")])
def test_what_is_no_file(name: str, words: str, tmp_path: Path) -> None:
    """A directory, and nothing at all."""
    access = ["--username", "u", "--password", "p", "--api-key", "k"]

    end = CliRunner().invoke(gwms, ["apply", str(tmp_path / name), *access])

    assert end.exit_code == 2
    assert f"cannot be read: {words}" in end.stderr.replace("Is a", "").replace("read:  ", "read: ")


@settings(deadline=None)
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
    """It is read, or there is a list of mistakes; nothing else is raised."""
    try:
        result = parse_file(content, "shop.toml")
    except WebhookFileError as error:
        assert error.mistakes  # noqa: PT017  # either is fine
    else:
        assert len({spec.identity for spec in result.specs}) == len(result.specs)
