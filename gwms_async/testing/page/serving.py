"""The page over HTTP: its three files, what it shows, its events, its controls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from importlib.resources import files

from aiohttp import web

from ..answering import Answering
from ..gateway import Gateway
from ..server import PAGE
from ..wire import JSON, ProblemError
from .controls import Controls
from .guard import SECURITY_HEADERS, check
from .news import Follower
from .view import View, encoded

_FILES = {
    "/": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
_ROW = re.compile(r"rows/([0-9]{1,15})")
_MAX_STREAMS = 16
_TICK = 0.1  # seconds between two looks for news


class Page:
    """Serves the page of an emulator."""

    def __init__(self, emulator: Answering, gateway: Gateway, controls: Controls) -> None:
        self._controls = controls
        self.view = View(emulator, gateway, controls)
        self.opened = asyncio.Event()
        self._streams = 0

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request whose path belongs to the page."""
        try:
            check(request.method, request.headers)
            path = request.path.removeprefix(PAGE)
            if request.method == "POST":
                return _json(self._controls.carry_out(path, await request.read()))
            if request.method != "GET":
                raise ProblemError(405, "GET and POST only")
            if path == "events":
                return await self._stream(request)
            return self._get(path, request.query.get("filter", ""))
        except ProblemError as problem:
            return _json({"problem": problem.message}, problem.status)

    def _get(self, path: str, text: str) -> web.Response:
        if path == "state":
            return _json(self.view.all(text))
        if file := _FILES.get(path):
            content = files(__package__).joinpath(file[0]).read_bytes()
            return web.Response(body=content, content_type=file[1], charset="utf-8", headers=SECURITY_HEADERS)
        match = _ROW.fullmatch(path)
        details = match and self.view.details(int(match[1]))
        if details:
            return _json(details)
        raise ProblemError(404, "There is nothing here, or it is no longer kept")

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._streams >= _MAX_STREAMS:
            raise ProblemError(503, f"The page is already open {_MAX_STREAMS} times")
        follower = Follower(self.view, request.query.get("filter", ""), request.headers.get("Last-Event-ID", ""))
        response = web.StreamResponse(headers={**SECURITY_HEADERS, "Content-Type": "text/event-stream"})
        self._streams += 1
        try:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            self.opened.set()
            while True:  # until the page or the emulator closes, which cancels this
                if event := follower.next():
                    await response.write(event.encode())
                await asyncio.sleep(_TICK)
        finally:
            self._streams -= 1
            if not self._streams:
                self.opened.clear()


def _json(content: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=encoded(content).encode(), headers={**SECURITY_HEADERS, "Content-Type": JSON}
    )
