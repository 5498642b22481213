"""What a client is told: credentials, time limits, retries, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from .errors import ConfigurationError

PRODUCTION = "https://gw.new.skladon.net/v21"
"""The base url of the real gateway (contract, ``servers``)."""

_MOST = 10**9
_UNFIT_FOR_URLS = re.compile(r"[^\x21-\x7e]|[?#]")
_UNFIT_FOR_HEADERS = re.compile(r"[^\x21-\x7e]")


def _is_number(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= _MOST


def _check_positive(_: object, attribute: Attribute[Any], value: object) -> None:
    if not _is_number(value, 0) or value == 0:
        raise ConfigurationError(f"{attribute.name} must be a number above 0, got {_shown(value)}")


def _check_not_negative(_: object, attribute: Attribute[Any], value: object) -> None:
    if not _is_number(value, 0):
        raise ConfigurationError(f"{attribute.name} must be a number of 0 or more, got {_shown(value)}")


def _whole_number(least: int) -> Callable[[object, Attribute[Any], object], None]:
    def check(_: object, attribute: Attribute[Any], value: object) -> None:
        if not _is_number(value, least) or not isinstance(value, int):
            raise ConfigurationError(f"{attribute.name} must be a whole number of {least} or more, got {_shown(value)}")

    return check


def _shown(value: object) -> str:
    return repr(value)[:50] if not isinstance(value, int) or abs(value) <= _MOST else "too large a number"


class CredentialsLike(Protocol):
    """Anything with the three values of `Credentials`."""

    @property
    def username(self) -> str:
        """The account's name."""
        ...

    @property
    def password(self) -> str:
        """The account's password."""
        ...

    @property
    def api_key(self) -> str:
        """The e-shop's key."""
        ...


@frozen(init=False)
class Credentials:
    """Who calls, and for which e-shop.

    Args:
        username: The account's name, for the login.
        password: The account's password, for the login.
        api_key: The e-shop's key from onboarding, sent as ``x-api-key``.

    Raises:
        ConfigurationError: One of them is empty, or the key has characters that no header can carry.
    """

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)

    def __init__(self, username: str, password: str, api_key: str) -> None:
        problem = credentials_problem(username=username, password=password, api_key=api_key)
        if problem:
            # Crash reporters keep the locals of a traceback.
            del self, username, password, api_key
            raise ConfigurationError(problem)
        self.__attrs_init__(username, password, api_key)


def credentials_problem(**texts: object) -> str | None:
    """Say what is wrong with credentials, without saying what they are; None if nothing is.

    Args:
        texts: By the name of the field of `Credentials`.
    """
    for name, text in texts.items():
        if not isinstance(text, str):
            return f"{name} must be a string, got {type(text).__name__}"
        if not text:
            return f"{name} must not be empty"
        if not _is_unicode(text):
            return f"{name} must be proper Unicode: check how it was read"
        if name == "api_key" and _UNFIT_FOR_HEADERS.search(text):
            return f"{name} must be printable ASCII without white space: check how it was read"
    return None


def check_credentials(credentials: CredentialsLike) -> None:
    """Check anything that has the values of `Credentials`.

    Raises:
        ConfigurationError: It lacks one of them, or one of them is invalid.
    """
    names = ("username", "password", "api_key")
    problem = credentials_problem(**{name: getattr(credentials, name, None) for name in names})
    if problem:
        del credentials  # crash reporters keep the locals of a traceback
        raise ConfigurationError(problem)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@frozen
class Timeout:
    """How long things may take, in seconds.

    Args:
        connect: Making a connection.
        attempt: One attempt: connecting, sending, and reading the whole answer.
        total: A whole call: waiting for a slot, all attempts and the waits between them, a login if one is due.
    """

    connect: float = field(default=10.0, validator=_check_positive)
    attempt: float = field(default=30.0, validator=_check_positive)
    total: float = field(default=120.0, validator=_check_positive)


@frozen
class RetryPolicy:
    """When a failed attempt is followed by another one.

    Args:
        max_attempts: How often a call may be on the wire, the first time included.
        base: The first wait is a random part of this many seconds; each further one of twice as many.
        cap: The longest such wait, in seconds.
        max_retry_after: The longest ``Retry-After`` that is waited out, in seconds.
        budget: Tokens that a client and its siblings share for retries; each takes 14 and a success gives them
            back, so that an outage is not answered with a storm of retries. 0: no retries but for throttling.
    """

    max_attempts: int = field(default=5, validator=_whole_number(1))
    base: float = field(default=0.2, validator=_check_positive)
    cap: float = field(default=20.0, validator=_check_positive)
    max_retry_after: float = field(default=60.0, validator=_check_not_negative)
    budget: int = field(default=500, validator=_whole_number(0))


def checked_base_url(base_url: str) -> str:
    """Check the address of a gateway.

    Args:
        base_url: Such as `PRODUCTION`.

    Returns:
        The address without a slash at its end.

    Raises:
        ConfigurationError: It is no http(s) address, has parts that it may not have, or is not https although its
            host is not this machine: the password would travel in clear text.
    """
    if not isinstance(base_url, str):
        raise ConfigurationError(f"base_url must be a text such as https://host/path, got {base_url!r}")
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if "@" in base_url:
        # It is not shown, here or below: what stands before the sign may be a password.
        raise ConfigurationError("base_url must not hold a user name or password: use Credentials")
    if not host or parts.scheme not in {"http", "https"} or _UNFIT_FOR_URLS.search(base_url):
        raise ConfigurationError(f"base_url must be https://host/path and nothing more, got {base_url!r}")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"base_url must be https, for the password would travel in clear text: {base_url!r}")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
