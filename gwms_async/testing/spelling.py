"""How gateways may spell the URLs they store."""

from __future__ import annotations

import re
from urllib.parse import quote

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<user>(?:[^/?#@]*@)?)(?P<host>\[[^/?#@\]]+\]|[^/?#@:]+)(?P<port>(?::[0-9]*)?)"
    r"(?P<path>|/[^?#]*)(?P<rest>|[?#].*)",
    re.IGNORECASE | re.DOTALL,
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ESCAPE = re.compile("%[0-9a-fA-F]{2}")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # JSON may contain one
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def normalized_url(url: str) -> str:
    """Return a URL as URL libraries normalize it, which keeps its meaning; text that is not a URL stays as it is.

    Scheme and host become lower case, the host IDNA, an empty path `/`; the default port goes; percent-encoding becomes
    upper case, and is added where it is needed and removed where it is not (RFC 3986, 6.2.2 and 6.2.3).
    """
    match = _URL.fullmatch(url)
    if match is None or _HALF_CHARACTER.search(url):
        return url
    scheme, port = match["scheme"].lower(), match["port"]
    if port in {":", _DEFAULT_PORTS[scheme]}:
        port = ""
    return f"{scheme}://{match['user']}{_idna(match['host'])}{port}{_encoded((match['path'] or '/') + match['rest'])}"


def _idna(host: str) -> str:
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


def _encoded(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        character = chr(int(match[0][1:], 16))
        return character if _UNRESERVED.fullmatch(character) else match[0].upper()

    return _ESCAPE.sub(escape, quote(text, safe=_ASCII))
