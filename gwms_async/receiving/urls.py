"""The URLs of webhooks: derived from a secret, so that nothing has to be stored; pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from ..errors import ConfigurationError
from ..models import HttpMethod, Webhook, WebhookType, canonical_url
from ..redaction import TOKEN
from ..settings import checked_base_url, credentials_problem

_DERIVATION = b"gwms-async webhook url 1\0"
_LEAST_BYTES = 32
_LABEL = "[a-z0-9-]{1,32}"
_NAME = rf"(?P<name>(?:(?P<eshop>{_LABEL})\.)?(?P<event_type>[A-Z][A-Z0-9_]{{0,63}}))"
_TOKEN = re.compile(f"/{TOKEN}")
_OURS = re.compile(rf"{_NAME}/{TOKEN}/?")


class Match(NamedTuple):
    """What a path says; the tail is what follows the token, decoded: the entity's id, if there is one."""

    event_type: WebhookType
    eshop: str
    tail: str


class Urls:
    """Derives URLs with the first secret, and recognises those of all secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Secrets are not kept: a prepared MAC can be neither shown nor pickled.
        self._macs = [hmac.new(secret.encode(), _DERIVATION, "sha256") for secret in secrets]
        self._names = {event_type.value: self._named(event_type) for event_type in WebhookType}

    def url(self, base: str, event_type: WebhookType, eshop: str, method: HttpMethod) -> str:
        """Return the URL of a webhook; one for GET ends with a slash, because the gateway appends the entity's id."""
        name = checked_label(eshop) + event_type
        return f"{checked_base(base)}{name}{self._derived(name)[0]}{'/' * (method == HttpMethod.GET)}"

    def match(self, raw_path: str) -> Match | None:
        """Find a URL with a valid token in a path, whatever comes before it."""
        end = 0
        while found := _TOKEN.search(raw_path, end):
            begin, end = found.span()
            name = raw_path[raw_path.rfind("/", 0, begin) + 1 : begin]
            known = self._names.get(name) or self._named(name)
            if known is not None:
                event_type, eshop, tokens = known
                for own in tokens:
                    if hmac.compare_digest(own, found[0]):
                        return Match(event_type, eshop, _decoded(raw_path[end:].removeprefix("/")))
        return None

    def _named(self, name: str) -> tuple[WebhookType, str, list[str]] | None:
        found = re.fullmatch(_NAME, name)
        return found and (WebhookType.unlisted(found["event_type"]), found["eshop"] or "", self._derived(name))

    def _derived(self, name: str) -> list[str]:
        macs = [mac.copy() for mac in self._macs]
        for mac in macs:
            mac.update(name.encode())
        return ["/gw1-" + urlsafe_b64encode(mac.digest()[:24]).decode() for mac in macs]


def _decoded(tail: str) -> str:
    if "%" not in tail and tail.isascii():
        return tail
    return unquote_to_bytes(tail.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")


def is_ours(webhook: Webhook, base: str, eshop: str) -> bool:
    """Return whether a webhook's URL was derived for a base and an e-shop's label, from whatever secret."""
    url, prefix = webhook.identity.url, canonical_url(base)
    found = _OURS.fullmatch(url.removeprefix(prefix)) if url.startswith(prefix) else None
    return found is not None and (found["eshop"] or "") == eshop and found["event_type"] == webhook.webhook_type


def secret_problem(secret: object) -> str | None:
    """Return what is wrong with a secret, without showing it; None if nothing is."""
    problem = credentials_problem(secret=secret)
    is_short = not problem and len(str(secret).encode()) < _LEAST_BYTES
    return f"secret must have at least {_LEAST_BYTES} bytes" if is_short else problem


def checked_label(eshop: str) -> str:
    """Return what an e-shop's names start with; what is not a label is not shown, because it may be a key."""
    if not isinstance(eshop, str) or not re.fullmatch(f"({_LABEL})?", eshop):
        label = "a label of up to 32 lower-case letters, digits and hyphens"
        raise ConfigurationError(f"eshop must be {label}; never the API key")
    return f"{eshop}." if eshop else ""


def checked_base(base: str) -> str:
    """Return the base of URLs with a slash at its end; it must keep tokens from being read on the way."""
    try:
        return checked_base_url(base) + "/"
    except ConfigurationError:
        wanted = "https://host/path (http on this machine only), without username, query and fragment"
        raise ConfigurationError(f"base must be {wanted}") from None
