"""The nouns of the API: webhooks, their event types, methods and identities."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Self
from unicodedata import normalize

from attrs import field, frozen
from yarl import URL

from .redaction import escaped, redacted

# Canonical as it is: lower case, no "%", and a port that is neither a default one nor too large.
_PLAIN_URL = re.compile(r"https?://[a-z0-9.-]{1,255}(:[1-9][0-9]{3})?/[!-$&-~]*")
_URL = re.compile(
    r"""(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://
    (?P<userinfo>[^@/?\#]*@)?
    (\[(?P<ip>[^\[\]@/?\#]{1,255})\]|(?P<name>[^\[\]:@/?\#]{1,255}))
    (:(?P<port>[0-9]*))?
    (?P<path>/[^?\#]*)?
    (?P<query>\?[^\#]*)?
    (?P<fragment>\#.*)?""",
    re.VERBOSE,
)
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
# A triplet after a stray "%" stays: decoded, it could complete another triplet. 99 at once, because `re` keeps a state
# for each repetition: hundreds of MiB for a long text.
_TRIPLETS = re.compile(r"(%(?![0-9A-Fa-f]{2})[0-9A-Fa-f]?)(%[0-9A-Fa-f]{2})|(?:%[0-9A-Fa-f]{2}){1,99}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_CANONICAL_BYTES = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_NOUNS = {"WebhookType": "event type", "HttpMethod": "HTTP method"}


class OpenEnum(StrEnum):
    """An enumeration of the contract that the gateway may extend before this package does."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        listed = cls._value2member_map_.get(value.upper()) if isinstance(value, str) else None
        if isinstance(listed, cls):
            return listed
        from difflib import get_close_matches  # noqa: PLC0415  # large, and rarely needed

        names = [member.value for member in cls]
        close = get_close_matches(str(value).upper(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(names)}"
        raise ValueError(f"{value!r} is not a known {_NOUNS[cls.__name__]}: {hint}")

    @classmethod
    def unlisted(cls, value: str) -> Self:
        """Return the listed member with this value, or else an unlisted one, which equals any other of the same text.

        Args:
            value: The text on the wire, in any letter case; it becomes upper case, as in the contract.
        """
        value = value.upper()
        listed = cls._value2member_map_.get(value)
        if isinstance(listed, cls):
            return listed
        made = str.__new__(cls, value)
        made._name_, made._value_ = escaped(value), value  # its repr shows the name as it is
        return made

    @property
    def is_listed(self) -> bool:
        """Whether the contract lists this value."""
        return self.value in type(self)._value2member_map_

    def __reduce_ex__(self, protocol: object) -> tuple[object, tuple[str]]:
        # An unlisted value cannot be looked up: it is recreated.
        return type(self).unlisted, (self.value,)


class WebhookType(OpenEnum):
    """The event types that a webhook can subscribe to: the 18 of the v21 contract.

    The spelling COMPLETITION is the vendor's.
    """

    CREATE_ORDER = "CREATE_ORDER"
    CREATE_PRODUCT = "CREATE_PRODUCT"
    CREATE_RECEIVING = "CREATE_RECEIVING"
    CREATE_RETURN = "CREATE_RETURN"
    CREATE_STOCK_MOVEMENT_COMPLETITION = "CREATE_STOCK_MOVEMENT_COMPLETITION"
    CREATE_STOCK_MOVEMENT_STOCK_CORRECTION = "CREATE_STOCK_MOVEMENT_STOCK_CORRECTION"
    CREATE_STOCK_MOVEMENT_ORDER = "CREATE_STOCK_MOVEMENT_ORDER"
    CREATE_STOCK_MOVEMENT_RETURN = "CREATE_STOCK_MOVEMENT_RETURN"
    CREATE_STOCK_MOVEMENT_RECEIVING = "CREATE_STOCK_MOVEMENT_RECEIVING"
    CREATE_STOCK_MOVEMENT_QUALITY_HOLD = "CREATE_STOCK_MOVEMENT_QUALITY_HOLD"
    CREATE_STOCK_MOVEMENT_QUALITY_RELEASE = "CREATE_STOCK_MOVEMENT_QUALITY_RELEASE"
    UPDATE_ORDER = "UPDATE_ORDER"
    UPDATE_ORDER_STATUS = "UPDATE_ORDER_STATUS"
    UPDATE_PRODUCT = "UPDATE_PRODUCT"
    UPDATE_RECEIVING = "UPDATE_RECEIVING"
    UPDATE_RECEIVING_STATUS = "UPDATE_RECEIVING_STATUS"
    UPDATE_RETURN = "UPDATE_RETURN"
    UPDATE_RETURN_STATUS = "UPDATE_RETURN_STATUS"


class HttpMethod(OpenEnum):
    """How the gateway calls the webhook's URL: POST with the entity as payload, or GET with its id appended."""

    GET = "GET"
    POST = "POST"


class Identity(NamedTuple):
    """The identity of a webhook: two webhooks with equal identities are the same subscription.

    Args:
        url: The canonical URL.
        webhook_type: The event type, in upper case.
        method: How the gateway delivers, in upper case.
    """

    url: str
    webhook_type: WebhookType
    method: HttpMethod

    def __repr__(self) -> str:
        return redacted(f"Identity({self.url!r}, {self.webhook_type!r}, {self.method!r})")


def canonical_url(url: str) -> str:
    """Return the form that all equivalent spellings of a URL have in common (RFC 3986, 6.2.2 and 6.2.3).

    It is used to compare, never sent. A text that is not an http(s) URL is returned as it is.
    """
    try:
        return _canonical(url)
    except ValueError:
        return url


def check_url(url: str) -> None:
    """Raise `ValueError` unless it is an absolute http(s) URL with a host."""
    try:
        _canonical(url)
    except ValueError:
        got = f"{redacted(url)[:200]!r}{', which contains a space' if ' ' in url else ''}"
        raise ValueError(f"url must be an absolute http(s) URL, e.g. https://shop.example/hook; got {got}") from None


def _canonical(url: str) -> str:
    if "/." not in url and _PLAIN_URL.fullmatch(url):
        return url
    parts = _URL.fullmatch(url)
    if parts is None or _NOT_IN_URLS.search(url):
        raise ValueError("not an http(s) url")
    scheme, ip, port = parts["scheme"].lower(), parts["ip"], int(parts["port"]) if parts["port"] else None
    host = ip or _in_ascii(_TRIPLETS.sub(_canonical_triplets, parts["name"]))
    authority = URL.build(scheme=scheme, host=host, port=port).raw_authority
    is_host = authority.startswith("[") if ip else "%" not in authority  # in brackets: only an IPv6 address
    if not is_host or (port or 0) > 65535:
        raise ValueError("not a host and port")
    path = _without_dot_segments(_percent_encoded(parts["path"]))
    rest = _percent_encoded(parts["query"]) + _percent_encoded(parts["fragment"])
    return f"{scheme}://{parts['userinfo'] or ''}{authority}{path}{rest}"


def _in_ascii(host: str) -> str:
    """Return a host with each label that is not ASCII in punycode, as IDNA 2008 does.

    Not by yarl: what IDNA 2008 rejects it maps by IDNA 2003, to which "ß" and "ss" are the same.
    """
    lower = normalize("NFC", "".join(map(str.lower, host)))  # character by character: "Σ" depends on its neighbours
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in lower.split(".")
    )


def _percent_encoded(text: str | None) -> str:
    """Percent-encode what is not ASCII, and decode what need not be encoded."""
    decoded = _TRIPLETS.sub(_canonical_triplets, text or "")
    return _NOT_ASCII.sub(lambda found: "%" + found[0].encode().hex("%").upper(), decoded)


def _canonical_triplets(found: re.Match[str]) -> str:
    stray, triplet = found[1], found[2]
    if stray is not None:
        return stray + triplet.upper()
    return "".join([_CANONICAL_BYTES[byte] for byte in bytes.fromhex(found[0].replace("%", ""))])


def _without_dot_segments(path: str) -> str:
    _, *segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _url_repr(url: object) -> str:
    return redacted(repr(url))


def _webhook_type(value: str) -> WebhookType:
    return value if isinstance(value, WebhookType) else WebhookType(value)


def _http_method(value: str) -> HttpMethod:
    return value if isinstance(value, HttpMethod) else HttpMethod(value)


@frozen
class WebhookSpec:
    """A webhook you want to exist (the contract's ``CreateWebhook``).

    Args:
        url: Where the gateway delivers to; sent exactly as it is.
        webhook_type: The event type, or its name in any case.
        active: Whether the gateway delivers.
        method: POST or GET, or its name in any case.

    Raises:
        ValueError: A value of a wrong type, or one that is not listed. URLs are checked where specs are used.
    """

    url: str = field(repr=_url_repr)
    webhook_type: WebhookType = field(converter=_webhook_type)
    active: bool = field(default=True)
    method: HttpMethod = field(default=HttpMethod.POST, converter=_http_method)

    @url.validator
    def _check_url(self, _: object, url: object) -> None:
        if not isinstance(url, str):
            raise ValueError(f"url must be a string; got {_url_repr(url)}")

    @active.validator
    def _check_active(self, _: object, active: object) -> None:
        if not isinstance(active, bool):
            raise ValueError(f"active must be True or False; got {active!r}")

    @cached_property
    def identity(self) -> Identity:
        """The subscription that it asks for."""
        return Identity(canonical_url(self.url), self.webhook_type, self.method)


def check_is_spec(value: object) -> None:
    """Raise `ValueError` unless it is a `WebhookSpec`."""
    if not isinstance(value, WebhookSpec):
        hint = "; pass its `spec`" if isinstance(value, Webhook) else ""
        raise ValueError(f"expected a WebhookSpec(url, webhook_type); got {redacted(repr(value))[:200]}{hint}")


@frozen
class Webhook:
    """A webhook as the gateway stores it.

    Args:
        id: Its id on the gateway.
        url: Where the gateway delivers to; as stored, not validated.
        webhook_type: The event type; `WebhookType.is_listed` is False for one that only the gateway knows.
        active: Whether the gateway delivers.
        method: How it delivers.
        registered_at: When it was registered; None if absent or not ISO 8601.
        unregistered_at: When it was unregistered; None as above. The gateway does not document what that means.
    """

    id: int
    url: str = field(repr=_url_repr)
    webhook_type: WebhookType
    active: bool
    method: HttpMethod
    registered_at: datetime | None = None
    unregistered_at: datetime | None = None

    @property
    def identity(self) -> Identity:
        """The subscription that it stands for."""
        return Identity(canonical_url(self.url), self.webhook_type, self.method)

    @property
    def spec(self) -> WebhookSpec:
        """The spec that asks for this webhook; a URL that is not valid cannot be registered again."""
        return WebhookSpec(self.url, self.webhook_type, self.active, self.method)


def same_identity(one: Webhook | WebhookSpec, other: Webhook | WebhookSpec) -> bool:
    """Return whether two are the same subscription."""
    # Where they are spelled alike, no canonical URL is needed.
    if (one.url, one.webhook_type, one.method) == (other.url, other.webhook_type, other.method):
        return True
    return one.identity == other.identity
