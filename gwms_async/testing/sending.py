"""Send an answer: whole, or as its fault says."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .faults import CutBody, CutHead, DropAfter, Garbage, SlowBody, Stall, WrongLength
from .journal import Exchange
from .server import hang_up
from .wire import Answer


async def send(answer: Answer, exchange: Exchange, transport: asyncio.Transport, date: str) -> web.Response:
    """Send an answer with a `Date`, or lose it as the fault of its exchange says; return what the handler returns.

    The status of the exchange is set if the answer is sent whole.
    """
    head, middle = answer.head(date), len(answer.body) // 2
    match exchange.fault:
        case DropAfter():
            pass
        case Stall(seconds=seconds):
            await asyncio.sleep(seconds)
        case CutHead():
            transport.write(head[: len(head) // 2])
        case CutBody():
            transport.write(head + answer.body[:middle])
        case SlowBody(seconds=seconds):
            transport.write(head + answer.body[:middle])
            await asyncio.sleep(seconds)
            transport.write(answer.body[middle:])
            exchange.status = answer.status
        case WrongLength(by=by):
            transport.write(answer.head(date, len(answer.body) + by) + answer.body)
        case Garbage(content=content):
            transport.write(content)
        case _:
            exchange.status = answer.status
            return web.Response(status=answer.status, body=answer.body, headers=answer.dated(date))
    return hang_up(transport)
