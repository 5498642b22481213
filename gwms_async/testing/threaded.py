"""The emulator in its own thread, for tests without an event loop, or with any event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from .emulator import GwmsEmulator

T = TypeVar("T")


@contextmanager
def emulator_in_thread(**options: Any) -> Iterator[GwmsEmulator]:
    """Run an emulator in its own thread until the block ends.

    The yielded object has all members of `GwmsEmulator`, and any thread may use them: each one runs in the emulator's
    thread while the caller waits. Coroutine functions may be awaited in any event loop, and a test without one can run
    them: `asyncio.run(emulator.delivered())`. Lists like `requests` are the emulator's own and may grow while you read
    them.

    Args:
        options: The arguments of `GwmsEmulator`.

    Raises:
        OSError: The port is taken.
    """
    emulator = GwmsEmulator(**options)
    listening: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    with ThreadPoolExecutor(1, "gwms emulator") as thread:
        served = thread.submit(lambda: asyncio.run(_serve(emulator, listening)))
        first: list[Future[Any]] = [served, listening]
        wait(first, return_when=FIRST_COMPLETED)
        if served.done():
            served.result()
        loop, stop = listening.result()
        try:
            yield cast(GwmsEmulator, _Remote(emulator, loop, served))
        finally:
            loop.call_soon_threadsafe(stop.set)
            served.result()


async def _serve(emulator: GwmsEmulator, listening: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    async with emulator:
        listening.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()


class _Remote:
    """A proxy for an object that belongs to an event loop in another thread."""

    def __init__(self, target: object, loop: asyncio.AbstractEventLoop, served: Future[None]) -> None:
        vars(self).update(_target=target, _loop=loop, _served=served)

    def __getattr__(self, name: str) -> Any:
        member = self._do(getattr, self._target, name)
        if inspect.iscoroutinefunction(member):
            return functools.partial(self._await, member)
        return functools.partial(self._do, member) if callable(member) else member

    def __setattr__(self, name: str, value: object) -> None:
        self._do(setattr, self._target, name, value)

    def __dir__(self) -> list[str]:
        return dir(self._target)

    def _do(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        result: Future[T] = Future()

        def step() -> None:
            try:
                result.set_result(function(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  # handed to the caller
                result.set_exception(error)

        self._loop.call_soon_threadsafe(step)
        wait([result, self._served], return_when=FIRST_COMPLETED)
        if not result.done():  # the loop closed before the step's turn came
            raise RuntimeError("the emulator is closed")
        return result.result()

    async def _await(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop))
