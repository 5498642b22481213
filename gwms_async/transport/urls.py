"""URLs of requests: the base URL and a path."""

from __future__ import annotations

from yarl import URL  # aiohttp's own type of URLs

from ..settings import invalid_base_url


class Urls:
    """Joins paths to the base URL.

    Args:
        base_url: Without a trailing slash.

    Raises:
        ConfigurationError: It is not a valid URL.
    """

    def __init__(self, base_url: str) -> None:
        try:
            self._base = URL(base_url)
        except ValueError:
            raise invalid_base_url(base_url) from None
        self._base_url = base_url
        self._base_path = self._base.raw_path.rstrip("/")
        # The calls of a bulk all go to the same path. Measured: benchmarks/README.
        self._last: tuple[str, URL | str] = "", base_url

    def join(self, path: str) -> URL | str:
        """Return the URL of a path below the base URL."""
        last, url = self._last
        if path != last:
            url = self._join(path)
            self._last = path, url
        return url

    def _join(self, path: str) -> URL | str:
        if path.isascii() and path.replace("/", "").isalnum():
            # Nothing to quote or to resolve, so aiohttp need not parse it. Measured: benchmarks/README.
            return self._base.with_path(self._base_path + path, encoded=True)
        return self._base_url + path
