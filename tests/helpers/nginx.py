"""A real nginx between a client and the emulator, on 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trustme
from attrs import define

from gwms_async.testing import GwmsEmulator

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors info;
events {{ worker_connections 512; }}
http {{
  {http}
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxied;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  limit_req_zone $server_addr zone=all:1m rate=100r/s;
  upstream gateway {{ server 127.0.0.1:{upstream}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    {directives}
    location / {{
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


@define
class Nginx:
    """One that runs.

    Args:
        base_url: Where it listens.
        folder: Where its files are.
        pid: Its process.
    """

    base_url: str
    folder: Path
    pid: int

    @property
    def errors(self) -> str:
        """What it has complained of."""
        return (self.folder / "errors").read_text()

    def reload(self) -> None:
        """Let a new worker take over from the old one."""
        os.kill(self.pid, signal.SIGHUP)


@asynccontextmanager
async def nginx(
    gateway: GwmsEmulator,
    folder: Path,
    directives: str = "",
    certificate: trustme.LeafCert | None = None,
    http: str = "access_log off;",
) -> AsyncGenerator[Nginx]:
    """Run one in front of a gateway.

    Args:
        gateway: The gateway.
        folder: Where its files may be.
        directives: Further ones of its server.
        certificate: Its own, if it is to speak TLS.
        http: Directives of all its servers.
    """
    assert NGINX
    tls = ""
    if certificate is not None:
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "certificate.pem"))
        pem = f"{folder}/certificate.pem"
        tls, directives = " ssl", f"ssl_certificate {pem}; ssl_certificate_key {pem}; {directives}"
    # It inherits the socket, as it does from the nginx that it replaces: clients may connect before it is up.
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port, upstream = listening.getsockname()[1], gateway.base_url.split(":")[2].split("/")[0]
        configuration = _CONFIGURATION.format(
            folder=folder, upstream=upstream, port=port, tls=tls, directives=directives, http=http
        )
        (folder / "nginx.conf").write_text(configuration)
        process = await asyncio.create_subprocess_exec(
            NGINX, "-p", folder, "-e", folder / "errors", "-c", folder / "nginx.conf",
            env={"NGINX": f"{listening.fileno()};"}, pass_fds=[listening.fileno()], stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield Nginx(f"http{'s' * bool(tls)}://127.0.0.1:{port}/v21", folder, process.pid)
    finally:
        process.terminate()
        code = await process.wait()
    assert code in {0, -signal.SIGTERM}, f"nginx ended with {code}:\n{(folder / 'errors').read_text()}"
