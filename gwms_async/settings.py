"""Client configuration: credentials, timeouts, retry policy, base URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from math import inf
from typing import Any, Protocol
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from .errors import ConfigurationError

PRODUCTION = "https://gw.new.skladon.net/v21"
"""The base URL of the real gateway (contract, ``servers``)."""

_MAX = 10**9
_NOT_IN_A_URL = re.compile(r"[^\x21-\x7e]|[?#]")
_NOT_IN_A_HEADER = re.compile(r"[^\x21-\x7e]")


def is_number(value: object, minimum: float = -inf, maximum: float = inf) -> bool:
    """Return whether a value is a number in a range; True, False and NaN are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and minimum <= value <= maximum


def is_integer(value: object, minimum: float = -inf, maximum: float = inf) -> bool:
    """Return whether a value is an integer in a range; True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


def _check_positive(_: object, attribute: Attribute[Any], value: object) -> None:
    if not is_number(value, 0, _MAX) or value == 0:
        raise ConfigurationError(f"{attribute.name} must be a number above 0; got {_shown(value)}")


def _check_not_negative(_: object, attribute: Attribute[Any], value: object) -> None:
    if not is_number(value, 0, _MAX):
        raise ConfigurationError(f"{attribute.name} must be a number of 0 or more; got {_shown(value)}")


def _integer_from(minimum: int) -> Callable[[object, Attribute[Any], object], None]:
    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not is_integer(value, minimum, _MAX):
            raise ConfigurationError(f"{attribute.name} must be an integer of {minimum} or more; got {_shown(value)}")

    return check


def _shown(value: object) -> str:
    return repr(value)[:50] if not isinstance(value, int) or abs(value) <= _MAX else "a number that is too large"


class CredentialsLike(Protocol):
    """Anything with the three values of `Credentials`."""

    @property
    def username(self) -> str:
        """The account's username."""

    @property
    def password(self) -> str:
        """The account's password."""

    @property
    def api_key(self) -> str:
        """The e-shop's API key."""


@frozen(init=False)
class Credentials:
    """The account to log in with, and the e-shop to act for.

    Args:
        username: The account's username.
        password: The account's password.
        api_key: The e-shop's API key from onboarding, sent as ``x-api-key``.

    Raises:
        ConfigurationError: One of them is empty, or the key contains characters that cannot be sent in a header.
    """

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)

    def __init__(self, username: str, password: str, api_key: str) -> None:
        problem = credentials_problem(username=username, password=password, api_key=api_key)
        if problem:
            # Not `without_frames`: type checkers would no longer know what `evolve` takes.
            del self, username, password, api_key
            raise ConfigurationError(problem)
        self.__attrs_init__(username, password, api_key)


def credentials_problem(**texts: object) -> str | None:
    """Return what is wrong with credentials, without showing them; None if nothing is.

    Args:
        texts: Values by the field names of `Credentials`.
    """
    for name, text in texts.items():
        if not isinstance(text, str):
            return f"{name} must be a string; got {type(text).__name__}"
        if not text:
            return f"{name} must not be empty"
        if not _is_unicode(text):
            return f"{name} must be valid Unicode: check how it was read"
        if name == "api_key" and _NOT_IN_A_HEADER.search(text):
            return f"{name} must be printable ASCII without spaces: check how it was read"
    return None


def check_credentials(credentials: CredentialsLike) -> None:
    """Check anything that has the values of `Credentials`.

    Raises:
        ConfigurationError: It lacks one of them, or one of them is invalid.
    """
    names = ("username", "password", "api_key")
    if isinstance(credentials, type) or not any(hasattr(credentials, name) for name in names):
        wanted, got = "Credentials(username=..., password=..., api_key=...)", type(credentials).__name__
        raise ConfigurationError(f"credentials must be {wanted}; got {got}")
    problem = credentials_problem(**{name: getattr(credentials, name, None) for name in names})
    if problem:
        raise ConfigurationError(problem)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@frozen
class Timeout:
    """Time limits in seconds.

    Args:
        connect: Opening a connection.
        attempt: One attempt: connecting, sending, and reading the whole response.
        total: A whole call: waiting for a slot, all attempts and the waits between them, and a login if one is due.
    """

    connect: float = field(default=10.0, validator=_check_positive)
    attempt: float = field(default=30.0, validator=_check_positive)
    total: float = field(default=120.0, validator=_check_positive)


@frozen
class RetryPolicy:
    """When and how often a failed attempt is retried.

    Args:
        max_attempts: How often a call may be sent, the first attempt included.
        base: The upper bound of the first wait, in seconds; it doubles with each retry. Waits are random up to it.
        cap: The highest upper bound, in seconds.
        max_retry_after: The longest ``Retry-After`` to wait out, in seconds.
        budget: Retry tokens shared by a client and its siblings. A retry costs 14, a success gives them back, so that
            an outage does not cause a storm of retries. With 0, only throttled calls are retried.
    """

    max_attempts: int = field(default=5, validator=_integer_from(1))
    base: float = field(default=0.2, validator=_check_positive)
    cap: float = field(default=20.0, validator=_check_positive)
    max_retry_after: float = field(default=60.0, validator=_check_not_negative)
    budget: int = field(default=500, validator=_integer_from(0))


def checked_timeout(timeout: Timeout | float) -> Timeout:
    """Return time limits; a number is the seconds of a whole call.

    Raises:
        ConfigurationError: It is neither time limits nor a number above 0.
    """
    if isinstance(timeout, Timeout):
        return timeout
    if not is_number(timeout, 0, _MAX) or not timeout:
        raise ConfigurationError(f"timeout must be a Timeout or a number of seconds above 0; got {_shown(timeout)}")
    return Timeout(total=timeout)


def check_type(name: str, value: object, *kinds: type, hint: str = "") -> None:
    """Check the type of an argument; an error gives the hint.

    Raises:
        ConfigurationError: It is of another type. The value is not shown: it may contain a secret.
    """
    if not isinstance(value, kinds):
        wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        raise ConfigurationError(f"{name} must be {wanted}{hint}; got {type(value).__name__}")


def check_methods(name: str, value: object, *methods: str) -> None:
    """Check that an argument has the methods of its protocol.

    Raises:
        ConfigurationError: It lacks one, or is a class.
    """
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        got = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        wanted = f"{', '.join(methods[:-1])} and {methods[-1]}"
        raise ConfigurationError(f"{name} must be an object with {wanted}; got {got}")


def checked_middlewares(middlewares: Iterable[Any]) -> tuple[Any, ...]:
    """Return middlewares as a tuple.

    Raises:
        ConfigurationError: They are not an iterable of functions.
    """
    if isinstance(middlewares, Iterable):
        found = tuple(middlewares)
        if all(map(callable, found)):
            return found
    raise ConfigurationError("middlewares must be a list of functions (request, handler) -> response")


def checked_base_url(base_url: str) -> str:
    """Check a base URL, and return it without a trailing slash.

    Args:
        base_url: For example `PRODUCTION`.

    Raises:
        ConfigurationError: It is not a valid http(s) URL, has a query or fragment, or is plain http to another machine,
            which would send the password in clear text.
    """
    if not isinstance(base_url, str):
        raise ConfigurationError(f"base_url must be a string like https://host/path; got {type(base_url).__name__}")
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if "@" in base_url:
        # It is not shown, here or below: what comes before the sign may be a password.
        raise ConfigurationError("base_url must not contain a username or password: use Credentials")
    if not host or parts.scheme not in {"http", "https"} or _NOT_IN_A_URL.search(base_url):
        raise invalid_base_url(base_url)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"base_url must use https; over http, the password would be sent in clear text; got {base_url!r}"
        )
    return base_url.rstrip("/")


def invalid_base_url(base_url: str) -> ConfigurationError:
    """Return the error of a base URL that cannot be used."""
    return ConfigurationError(f"base_url must be https://host/path and nothing more; got {base_url!r}")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
