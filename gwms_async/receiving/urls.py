"""The URLs of webhooks: derived from a secret, so that nothing has to be stored; pure."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import ConfigurationError
from ..models import HttpMethod, Webhook, WebhookType, canonical_url
from ..redaction import TOKEN
from ..settings import checked_base_url, credentials_problem

_DERIVATION = b"gwms-async webhook url 1\0"
_LEAST_BYTES = 32
_LABEL = "[a-z0-9-]{1,32}"
_NAME = rf"(?P<name>(?:(?P<eshop>{_LABEL})\.)?(?P<event_type>[A-Z][A-Z0-9_]{{0,63}}))"
_SLASH_AND_TOKEN = len("/gw1-") + 32
_OURS = re.compile(rf"{_NAME}/{TOKEN}/?")


class Endpoint(NamedTuple):
    """What a URL is for; its name is the segment before the token."""

    name: str
    event_type: WebhookType
    eshop: str


class Urls:
    """Derives URLs with the first secret, and recognises those of all secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # Secrets are not kept: a prepared MAC can be neither shown nor pickled.
        self._macs = [hmac.new(secret.encode(), _DERIVATION, "sha256") for secret in secrets]
        self._listed = {one.value: (Endpoint(one.value, one, ""), self._derived(one)) for one in WebhookType}

    def url(self, base: str, event_type: WebhookType, eshop: str, method: HttpMethod) -> str:
        """Return the URL of a webhook; one for GET ends with a slash, because the gateway appends the entity's id."""
        name, end = checked_label(eshop) + event_type, "/" if method == HttpMethod.GET else ""
        return f"{checked_base(base)}{name}/{self._derived(name)[0]}{end}"

    def match(self, raw_path: str) -> tuple[Endpoint, str, str] | None:
        """Find a URL with a valid token in a path; return what it is for, and the texts before and after the token."""
        slash = -1
        while (slash := raw_path.find("/gw1-", slash + 1)) >= 0:
            start, end = raw_path.rfind("/", 0, slash) + 1, slash + _SLASH_AND_TOKEN
            known = self._listed.get(raw_path[start:slash]) or self._named_in(raw_path[start:end])
            token = raw_path[slash + 1 : end]
            if known and token.isascii():  # no other text can be compared
                endpoint, tokens = known
                for own in tokens:
                    if hmac.compare_digest(own, token):
                        return endpoint, raw_path[: slash + 1], raw_path[end:]
        return None

    def _named_in(self, text: str) -> tuple[Endpoint, list[str]] | None:
        found = _OURS.fullmatch(text)
        if found is None:
            return None
        name, eshop, event_type = found.groups(default="")
        return Endpoint(name, WebhookType.unlisted(event_type), eshop), self._derived(name)

    def _derived(self, name: str) -> list[str]:
        macs = [mac.copy() for mac in self._macs]
        for mac in macs:
            mac.update(name.encode())
        return ["gw1-" + urlsafe_b64encode(mac.digest()[:24]).decode() for mac in macs]


def is_ours(webhook: Webhook, base: str, eshop: str) -> bool:
    """Return whether a webhook's URL was derived for a base and an e-shop's label, from whatever secret."""
    (url, event_type, _), prefix = webhook.identity, canonical_url(base)
    found = _OURS.fullmatch(url.removeprefix(prefix)) if url.startswith(prefix) else None
    return found is not None and (found["eshop"] or "") == eshop and found["event_type"] == event_type


def secret_problem(secret: object) -> str | None:
    """Return what is wrong with a secret, without showing it; None if nothing is."""
    problem = credentials_problem(secret=secret)
    if problem is None and len(str(secret).encode()) < _LEAST_BYTES:
        return f"secret must have at least {_LEAST_BYTES} bytes"
    return problem


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
        wanted = "https://host/path (http on this machine only), without a username, query or fragment"
        raise ConfigurationError(f"base must be {wanted}") from None
