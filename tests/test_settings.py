"""What a client is told is checked when it is told, and secrets are not repeated in the complaint."""

from __future__ import annotations

import traceback
from math import inf, nan
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from gwms_async import PRODUCTION, ConfigurationError, Credentials, GwmsClient, RetryPolicy, Timeout
from gwms_async.settings import check_credentials, checked_base_url, credentials_problem, is_integer, is_number

PASSWORD, KEY = "hunter2-hunter2", "shop-key-4711"
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def shown(error: BaseException) -> str:
    """Put together all that a crash reporter would keep of an error, but for the frame of the test itself."""
    assert error.__traceback__ is not None
    below = error.__traceback__.tb_next
    assert below is not None
    kept = traceback.TracebackException(type(error), error, below, capture_locals=True)
    return "\n".join([*kept.format(), str(error), repr(error), repr(vars(error))])


def test_credentials_show_no_secret() -> None:
    """Their repr tells the account, not how to get in."""
    credentials = Credentials("shop", PASSWORD, KEY)

    assert repr(credentials) == str(credentials) == "Credentials(username='shop')"
    assert (credentials.username, credentials.password, credentials.api_key) == ("shop", PASSWORD, KEY)


@pytest.mark.parametrize(
    ("username", "password", "api_key", "complaint"),
    [
        ("", PASSWORD, KEY, "username must not be empty"),
        (None, PASSWORD, KEY, "username must be a string; got NoneType"),
        ("shop", "", KEY, "password must not be empty"),
        ("shop", PASSWORD.encode(), KEY, "password must be a string; got bytes"),
        ("shop", PASSWORD, "", "api_key must not be empty"),
        ("shop", PASSWORD, 4711, "api_key must be a string; got int"),
        ("shop", PASSWORD, KEY + "\n", "api_key must be printable ASCII without spaces: check how it was read"),
        ("shop", PASSWORD, KEY + " x", "api_key must be printable ASCII without spaces"),
        ("shop", PASSWORD, "\N{ZERO WIDTH NO-BREAK SPACE}" + KEY, "api_key must be printable ASCII"),
        ("shop", PASSWORD, KEY + "\x7f", "api_key must be printable ASCII"),
        ("shop", PASSWORD, KEY + "\u010d", "api_key must be printable ASCII"),
    ],
)
def test_refused_credentials_are_not_shown(username: Any, password: Any, api_key: Any, complaint: str) -> None:
    """Neither the error nor the locals of its traceback hold a secret."""
    with pytest.raises(ConfigurationError, match=f"^{complaint}") as caught:
        Credentials(username, password, api_key)

    text = shown(caught.value)
    assert "problem = '" in text
    assert not [secret for secret in (PASSWORD, KEY, "4711") if secret in text]


class SecretStr:
    """As pydantic's: it does not show itself, and is not a string."""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"password": SecretStr()}, "password must be a string; got SecretStr"),
        ({"username": None}, "username must be a string; got NoneType"),
        ({"api_key": f"{KEY}\n"}, "api_key must be printable ASCII without spaces: check how it was read"),
        ({"api_key": ""}, "api_key must not be empty"),
    ],
)
def test_what_is_like_credentials_is_checked_by_the_client(changes: dict[str, Any], complaint: str) -> None:
    """Before anything is sent, and without showing them."""
    credentials = SimpleNamespace(**{"username": "shop", "password": PASSWORD, "api_key": KEY, **changes})

    with pytest.raises(ConfigurationError, match=f"^{complaint}$"):
        GwmsClient(credentials)


def test_what_lacks_a_credential() -> None:
    """It is named, whatever the object."""
    credentials: Any = SimpleNamespace(username="shop", password=PASSWORD)

    with pytest.raises(ConfigurationError, match=r"^api_key must be a string; got NoneType$"):
        GwmsClient(credentials)


def test_what_is_like_credentials_is_accepted() -> None:
    """It needs no class of ours."""
    check_credentials(SimpleNamespace(username="shop", password=PASSWORD, api_key=KEY))


def test_changed_credentials_are_checked_too() -> None:
    """A copy with an unfit key is refused."""
    with pytest.raises(ConfigurationError, match=r"^api_key must be printable ASCII"):
        evolve(Credentials("shop", PASSWORD, KEY), api_key="two words")


def test_what_can_travel_is_accepted() -> None:
    """A key may be any printable ASCII, a password any text: it travels as JSON."""
    Credentials("obchod \u010d. 1", "m\u00e1 heslo\n", PRINTABLE)


def test_credentials_cannot_be_changed() -> None:
    """A client would not notice."""
    with pytest.raises(FrozenInstanceError):
        Credentials("shop", PASSWORD, KEY).password = "other"  # type: ignore[misc]


def test_the_problem_is_told_of_what_is_asked_about() -> None:
    """The first problem in the given order; None where there is none."""
    assert credentials_problem(api_key=KEY) is None
    assert credentials_problem(username="a b", password="c d") is None
    assert credentials_problem(api_key="a b", username="") == (
        "api_key must be printable ASCII without spaces: check how it was read"
    )


def test_the_defaults() -> None:
    """Those of the documentation."""
    assert Timeout() == Timeout(connect=10, attempt=30, total=120)
    assert RetryPolicy() == RetryPolicy(max_attempts=5, base=0.2, cap=20, max_retry_after=60, budget=500)
    assert checked_base_url(PRODUCTION) == PRODUCTION == "https://gw.new.skladon.net/v21"


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), float("inf"), float("-inf"), None, "10", True, False, 1j])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Timeout, "connect"),
        (Timeout, "attempt"),
        (Timeout, "total"),
        (RetryPolicy, "base"),
        (RetryPolicy, "cap"),
    ],
)
def test_times_are_numbers_above_nothing(kind: type[Timeout | RetryPolicy], name: str, value: Any) -> None:
    """Anything else is refused by name; a switch is no number."""
    with pytest.raises(ConfigurationError, match=f"^{name} must be a number above 0; got "):
        kind(**{name: value})


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), None, "10", True])
@pytest.mark.parametrize("name", ["max_retry_after", "budget"])
def test_what_may_be_nothing_is_not_less(name: str, value: Any) -> None:
    """No waiting and no budget are choices; less than that is refused by name."""
    assert getattr(RetryPolicy(**{name: 0}), name) == 0
    with pytest.raises(ConfigurationError, match=f"^{name} must be (a number|an integer) of 0 or more; got "):
        RetryPolicy(**{name: value})


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, float("inf"), None, "5", True])
def test_attempts_are_counted_in_whole_numbers(value: Any) -> None:
    """There is one at least."""
    assert RetryPolicy(max_attempts=1).max_attempts == 1
    with pytest.raises(ConfigurationError, match=r"^max_attempts must be an integer of 1 or more; got "):
        RetryPolicy(max_attempts=value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://gw.example", "https://gw.example"),
        ("https://gw.example/", "https://gw.example"),
        ("https://gw.example/v21//", "https://gw.example/v21"),
        ("https://gw.example:8443/v21", "https://gw.example:8443/v21"),
        ("HTTPS://GW.EXAMPLE/v21", "HTTPS://GW.EXAMPLE/v21"),
        ("https://192.0.2.1/v21", "https://192.0.2.1/v21"),
        ("https://[2001:db8::1]/v21", "https://[2001:db8::1]/v21"),
        ("http://127.0.0.1:8080/v21/", "http://127.0.0.1:8080/v21"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://localhost", "http://localhost"),
        ("http://LocalHost:80/v21", "http://LocalHost:80/v21"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_good_addresses(given: str, expected: str) -> None:
    """Any https, and http to this machine; given back without a slash at the end."""
    assert expected == checked_base_url(given)


@pytest.mark.parametrize(
    "address",
    [
        "http://gw.new.skladon.net/v21",
        "http://192.168.0.1",
        "http://0.0.0.0",
        "http://[2001:db8::1]",
        "http://127.1",
        "http://127.0.0.1.gw.example",
        "http://localhost.gw.example",
        "http://notlocalhost",
        "HTTP://gw.example",
    ],
)
def test_no_password_in_clear_text(address: str) -> None:
    """Http to another machine is refused, also to one whose name only looks like this machine."""
    with pytest.raises(
        ConfigurationError, match=r"^base_url must use https; over http, the password would be sent in clear text"
    ):
        checked_base_url(address)


@pytest.mark.parametrize("login", [f"shop:{PASSWORD}", f":{PASSWORD}", "shop", r"localhost\\"])
@pytest.mark.parametrize("scheme", ["https://", "http://", "ftp://", ""])
@pytest.mark.parametrize("host", ["gw.example/v21", "gw.example:99999", "[::1", ""])
def test_no_login_in_the_address(scheme: str, login: str, host: str) -> None:
    """It belongs into `Credentials`, and is not repeated, not even where the address cannot be read."""
    with pytest.raises(ConfigurationError) as caught:
        checked_base_url(f"{scheme}{login}@{host}")

    assert str(caught.value) == "base_url must not contain a username or password: use Credentials"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "gw.example/v21",
        "//gw.example",
        "https://",
        "https:///v21",
        "https://:443",
        "ftp://gw.example",
        "ws://localhost",
        "https://gw.example/v21?",
        "https://gw.example/v21?debug=1",
        "https://gw.example/v21#",
        "https://gw.example/v21#top",
        "https://gw.example/v21 ",
        "https://gw.example/v21\x00",
        "https://gw example",
        "https://gw\u0159",
        "https://gw.example:99999",
        "https://gw.example:https",
        "https://[::1",
        b"https://gw.example",
        None,
        5,
        ["https://gw.example"],
    ],
)
def test_unfit_addresses(address: Any) -> None:
    """What is no address, or more than one, is refused, and shown where it is a string."""
    with pytest.raises(ConfigurationError, match=r"base_url must be .*https://host/path") as caught:
        checked_base_url(address)

    assert str(caught.value).endswith(
        f"got {address!r}" if isinstance(address, str) else f"got {type(address).__name__}"
    )


@pytest.mark.parametrize("name", ["username", "password"])
def test_credentials_that_are_no_unicode(name: str) -> None:
    """The environment of a process may hold such texts."""
    with pytest.raises(ConfigurationError, match=f"{name} must be valid Unicode"):
        Credentials(**{"username": "u", "password": "p", "api_key": "k", name: "shop\udcff"})


def test_numbers_beyond_all_measure() -> None:
    """They are refused like any other unfit ones."""
    with pytest.raises(ConfigurationError, match="too large"):
        Timeout(connect=10**400)
    with pytest.raises(ConfigurationError, match="integer"):
        RetryPolicy(budget=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -5, 10**400, 2.5, -inf, True, nan, "5", None])
def test_is_number(value: object) -> None:
    """Of any size, unless there is a range."""
    assert is_number(value) is (value in {0, -5, 10**400, 2.5, -inf} and value is not True)
    assert is_integer(value) is (is_number(value) and isinstance(value, int))
    assert is_number(value, 0, 5) is (value in {0, 2.5})
