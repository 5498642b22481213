"""The URLs of webhooks: derived from a secret, so that nothing has to be stored; pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import ConfigurationError
from ..models import HttpMethod, Webhook, WebhookType, canonical_url
from ..redaction import TOKEN, redacted
from ..settings import checked_base_url, credentials_problem

_DERIVATION = b"gwms-async webhook url 1\0"
_MIN_BYTES = 32
_LENGTH = len("/gw1-") + 32
_OURS = re.compile(f"/([^/]+)/{TOKEN}/?")


class Endpoint(NamedTuple):
    """The purpose of a URL; `name` is the segment before the token."""

    name: str
    event_type: WebhookType
    eshop: str


class DerivedUrls:
    """Derives URLs with the first secret, and recognises those of all secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Secrets are not kept: a prepared MAC can be neither shown nor pickled.
        self._macs = [hmac.new(secret.encode(), _DERIVATION, "sha256") for secret in secrets]
        self._listed = {one.value: self._expected(one.value) for one in WebhookType}

    def url(self, base: str, event_type: WebhookType, eshop: str, method: HttpMethod) -> str:
        """Return the URL of a webhook; one for GET ends with a slash, because the gateway appends the entity's id."""
        name, end = _name(checked_label(eshop), event_type), "/" if method == HttpMethod.GET else ""
        return f"{checked_base(base)}{name}/{self._tokens(name)[0]}{end}"

    def match(self, raw_path: str) -> tuple[Endpoint, str, str] | None:
        """Find a valid token in a path; return what its URL is for, the path without tokens, and what follows."""
        slash = -1
        while (slash := raw_path.find("/gw1-", slash + 1)) >= 0:
            name, end = raw_path[raw_path.rfind("/", 0, slash) + 1 : slash], slash + _LENGTH
            token = raw_path[slash + 1 : end]
            if "/" in token or not token.isascii():  # other texts cannot be compared
                continue
            endpoint, tokens = self._listed.get(name) or self._expected(name)
            for own in tokens:
                if hmac.compare_digest(own, token):
                    tail = raw_path[end:]
                    return endpoint, f"{redacted(raw_path[:slash])}/gw1-***{redacted(tail)}", tail
        return None

    def _expected(self, name: str) -> tuple[Endpoint, list[str]]:
        """Return what a name stands for, and the tokens that may follow it."""
        eshop, _, event_type = name.rpartition(".")
        return Endpoint(name, WebhookType.unlisted(event_type), eshop), self._tokens(name)

    def _tokens(self, name: str) -> list[str]:
        macs = [mac.copy() for mac in self._macs]
        for mac in macs:
            mac.update(name.encode("utf-8", "surrogatepass"))
        return ["gw1-" + urlsafe_b64encode(mac.digest()[:24]).decode() for mac in macs]


def is_ours(base: str, eshop: str, webhook: Webhook) -> bool:
    """Return whether a webhook's URL was derived for a base and an e-shop's label, with any secret."""
    (url, event_type, _), prefix = webhook.identity, canonical_url(base)
    found = _OURS.fullmatch(url, len(prefix) - 1) if url.startswith(prefix) else None
    return found is not None and found[1] == _name(eshop, event_type)


def check_secret(name: str, secret: object) -> None:
    """Raise `ConfigurationError`, which does not show the secret, unless it can derive URLs."""
    problem, text = credentials_problem(**{name: secret}), str(secret)
    if problem is None and text != text.strip():  # a file's last newline; other processes would derive other URLs
        problem = f"{name} must not begin or end with whitespace: check how it was read"
    elif problem is None and len(text.encode()) < _MIN_BYTES:
        problem = f"{name} must have at least {_MIN_BYTES} bytes"
    if problem:
        raise ConfigurationError(problem)


def checked_label(eshop: str) -> str:
    """Return the label of an e-shop; the error does not show what is not a label, because it may be a key."""
    if not isinstance(eshop, str) or not re.fullmatch("[a-z0-9-]{0,32}", eshop):
        label = "a label of up to 32 lower-case letters, digits and hyphens"
        raise ConfigurationError(f"eshop must be {label}; never the API key")
    return eshop


def checked_base(base: str) -> str:
    """Return the base of URLs with a slash at its end; http to another machine would show the tokens on the way."""
    try:
        return checked_base_url(base) + "/"
    except ConfigurationError:
        wanted = "https://host/path (http on this machine only), without a username, query or fragment"
        raise ConfigurationError(f"base must be {wanted}") from None


def _name(eshop: str, event_type: WebhookType) -> str:
    return f"{eshop}.{event_type}" if eshop else event_type
