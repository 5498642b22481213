"""A real Redis on 127.0.0.1, which keeps nothing when it ends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from attrs import define

REDIS = shutil.which("redis-server")


@define
class RedisServer:
    """One that runs.

    Args:
        port: Where it listens.
        process: It.
    """

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://localhost:{self.port}/0"

    def command(self, *words: str) -> bytes:
        """Send it a command; return the beginning of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"*%d\r\n" % len(words))
            for word in words:
                connection.sendall(b"$%d\r\n%b\r\n" % (len(word.encode()), word.encode()))
            return connection.recv(65_536)

    def kill(self) -> None:
        """End it, as a failing machine would."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def redis_server(folder: Path, *options: str) -> Generator[RedisServer]:
    """Run one.

    Args:
        folder: Where it may write.
        options: Further ones of its command line.
    """
    server = next(filter(None, (_start(folder, options) for _ in range(5))))
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def redis_cluster(folder: Path, ports: Sequence[int]) -> Generator[list[RedisServer]]:
    """Run a cluster of masters, once each of them knows all.

    Args:
        folder: Where they may write.
        ports: Where they may talk to each other.
    """
    slots, until = 16_384 // len(ports), time.monotonic() + 10
    with ExitStack() as stack:
        nodes = []
        for number, port in enumerate(ports):
            own = folder / str(number)
            own.mkdir()
            options = ("--cluster-enabled", "yes", "--cluster-port", str(port))
            nodes.append(stack.enter_context(redis_server(own, *options)))
            last = 16_383 if port == ports[-1] else (number + 1) * slots - 1
            nodes[-1].command("CLUSTER", "ADDSLOTSRANGE", str(number * slots), str(last))
            nodes[0].command("CLUSTER", "MEET", "127.0.0.1", str(nodes[-1].port), str(port))
        for node in nodes:
            while b"cluster_state:ok" not in node.command("CLUSTER", "INFO"):
                assert time.monotonic() < until
                time.sleep(0.01)
        yield nodes


def _start(folder: Path, more: Sequence[str]) -> RedisServer | None:
    """Start one on a port that was free; None where somebody else has taken it meanwhile."""
    assert REDIS
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"--bind 127.0.0.1 --port {port} --appendonly no --dir {folder} --loglevel warning".split()
    process = subprocess.Popen(  # noqa: S603
        [REDIS, *options, "--save", "", *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server = RedisServer(port, process)
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):
            if server.command("PING") == b"+PONG\r\n":
                return server
        time.sleep(0.01)
    server.kill()
    return None
