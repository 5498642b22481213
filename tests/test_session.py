"""The wrapper around aiohttp's session, where a whole client does not come by."""

from __future__ import annotations

import pytest

from gwms_async import DeadlineExceededError, Request, Timeout
from gwms_async._http import Call
from gwms_async._limit import TimeLimit
from gwms_async._session import Session, Transport
from gwms_async.testing import GwmsEmulator


async def test_a_deadline_that_has_passed(gateway: GwmsEmulator) -> None:
    """Nothing is sent, neither by a new call nor by a further attempt."""
    transport = Transport(gateway.base_url, Timeout())
    request = Request("GET", "/webhooks", idempotent=True, call=Call(deadline=0.0))

    with pytest.raises(DeadlineExceededError, match=r"GET /webhooks: the deadline passed after 0 attempts"):
        await Session(transport, transport, TimeLimit(1.0)).call(request)
    with pytest.raises(DeadlineExceededError):
        await transport(request)

    assert gateway.requests == []
    assert gateway.connections == 0
