"""A gateway with canned responses: nginx if it is installed, else a small asyncio server. Creates are echoed.

Unlike the emulator, it checks nothing but the token, and costs as little as possible.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
LISTED = 10_000
WEBHOOK = {"url": "https://shop.example/gwms/1", "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
_REGISTERED = '"registeredAt": "2025-01-01T12:00:00.000Z"'
_TOKENS = tuple(f"{letter * 200}" for letter in "ab")  # the second one once the first is revoked
_REVOKED, _LIST, _CONFIGURATION = "revoked", "list.json", "nginx.conf"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  default_type application/json;
  client_body_temp_path {folder}/bodies;
  client_body_in_single_buffer on;
  proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $http_x_created $fields {{ "~^\\{{(?<inner>.*)\\}}$" $inner; }}
  upstream echo {{ server unix:{folder}/echo; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen unix:{folder}/echo;
    location / {{ return 200 '{created}'; }}
  }}
  server {{
    listen 127.0.0.1:{port};
    set $token {tokens[0]};
    if (-f {folder}/{revoked}) {{ set $token {tokens[1]}; }}
    location ~ /users/login$ {{ return 200 '{login}'; }}
    location ~ /webhooks/(?<number>[0-9]+)$ {{
      if ($http_authorization != "Bearer $token") {{ return 401 '{refused}'; }}
      return 200 '{single}';
    }}
    location = /large/webhooks {{
      if ($http_authorization != "Bearer $token") {{ return 401 '{refused}'; }}
      alias {folder}/{list};
    }}
    location = /v21/webhooks {{
      if ($http_authorization != "Bearer $token") {{ return 401 '{refused}'; }}
      if ($request_method = GET) {{ return 200 '{empty}'; }}
      proxy_pass http://echo;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Created $request_body;
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }}
  }}
}}
"""


def _envelope(data: str, status: int = 200) -> str:
    return f'{{"statusCode": {status}, "message": "OK", "data": {data}}}'


def _fields(number: int | str) -> str:
    return f'{{"id": {number}, {json.dumps(WEBHOOK)[1:-1]}, {_REGISTERED}}}'


def _login(token: str) -> str:
    return _envelope(f'{{"token": "{token}", "expiresIn": {int(time.time()) + 86_400}}}')


class Gateway(NamedTuple):
    """A running gateway.

    Args:
        name: The server: nginx or asyncio.
        origin: Its URL without a path.
        folder: The folder of its files.
    """

    name: str
    origin: str
    folder: Path

    @property
    def token(self) -> str:
        """The token that is valid now."""
        return _TOKENS[(self.folder / _REVOKED).exists()]

    def revoke(self) -> None:
        """Reject the current token from now on; logins return another one."""
        revoked = self.folder / _REVOKED
        if revoked.exists():
            revoked.unlink()
        else:
            revoked.touch()


class _Table:
    """Numbers and keeps the webhooks that are created, until they are all deleted at once."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._last_id = 0

    def answer(self, method: bytes, sent: bytes) -> bytes:
        """Carry a request to `/webhooks` out."""
        if method == b"POST":
            self._last_id += 1
            row = b'{"id": %d, %b, %b}' % (self._last_id, sent[1:-1], _REGISTERED.encode())
            self._rows.append(row)
            return row
        if method == b"DELETE":
            self._rows.clear()
        return b"[" + b",".join(self._rows) + b"]"


class _Canned(asyncio.Protocol):
    """Answers each request once it is complete."""

    def __init__(self, revoked: Path, listed: bytes, table: _Table | None) -> None:
        self._unread, self._revoked, self._table = bytearray(), revoked, table
        self._list, self._single = listed, _envelope(_fields("%b")).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer all complete requests; keep the rest of the data."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._unread, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < size:
                return
            head, sent = bytes(self._unread[:end]), bytes(self._unread[end + 4 : size])
            del self._unread[:size]
            status, body = self._answer(head, sent)
            line = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self._transport.write(line % (status, len(body)) + body)

    def _answer(self, head: bytes, sent: bytes) -> tuple[bytes, bytes]:
        method, path = head.split(b" ", 2)[:2]
        token = _TOKENS[self._revoked.exists()]
        if path.endswith(b"/login"):
            return b"200 OK", _login(token).encode()
        if b"Bearer " + token.encode() not in head:
            return b"401 Unauthorized", _envelope("null", 401).encode()
        if self._table is not None:
            return b"200 OK", _envelope("%b").encode() % self._table.answer(method, sent)
        if path == b"/large/webhooks":
            return b"200 OK", self._list
        if method == b"POST":
            return b"200 OK", _envelope('{"id": 1, %s, %s}').encode() % (sent[1:-1], _REGISTERED.encode())
        number = path.rpartition(b"/")[2]
        return b"200 OK", _envelope("[]").encode() if number == b"webhooks" else self._single % number


async def _serve(listening: socket.socket, folder: Path, table: _Table | None) -> None:
    revoked, listed = folder / _REVOKED, (folder / _LIST).read_bytes()
    await asyncio.get_running_loop().create_server(lambda: _Canned(revoked, listed, table), sock=listening)
    await asyncio.Event().wait()


@contextmanager
def gateway(*, has_state: bool = False) -> Generator[Gateway]:
    """Run a gateway until the block ends, on a core of its own if there are two.

    Args:
        has_state: Whether it numbers, keeps and lists what is created, which nginx cannot.
    """
    nginx = None if has_state else NGINX
    with TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        folder, port = Path(name), listening.getsockname()[1]
        folder.chmod(0o755)  # started by root, nginx reads as another user
        (folder / _LIST).write_text(_envelope(f"[{', '.join(map(_fields, range(LISTED)))}]"))
        configuration = _NGINX.format(
            folder=folder, port=port, tokens=_TOKENS, revoked=_REVOKED, list=_LIST,
            created=_envelope(f'{{"id": 1, $fields, {_REGISTERED}}}'), login=_login("$token"),
            refused=_envelope("null", 401), empty=_envelope("[]"), single=_envelope(_fields("$number")),
        )  # fmt: skip
        (folder / _CONFIGURATION).write_text(configuration)
        number, errors = str(listening.fileno()), folder / "errors"
        # nginx inherits the socket, as in an upgrade: clients may connect before it is up.
        nginx_command = [nginx or "", "-p", name, "-c", str(folder / _CONFIGURATION), "-e", str(errors)]
        command = nginx_command if nginx else [sys.executable, __file__, number, name, *["state"] * has_state]
        _move_to_core(0)
        with Popen(command, env={**os.environ, "NGINX": f"{number};"}, pass_fds=[listening.fileno()]) as server:
            _move_to_core(-1)
            listening.close()  # if the server dies, connections are refused instead of waiting
            try:
                yield Gateway("nginx" if nginx else "asyncio", f"http://127.0.0.1:{port}", folder)
            finally:
                if server.poll() is not None:
                    print(f"the server exited with {server.returncode}", file=sys.stderr)
                    print(errors.read_text() if errors.exists() else "", file=sys.stderr)
                server.terminate()


_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


def _move_to_core(index: int) -> None:
    """Run this process, and those it starts from now on, on one core."""
    if _CORES:
        os.sched_setaffinity(0, [_CORES[index]])


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), _Table() if sys.argv[3:] else None))
