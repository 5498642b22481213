"""What the state machine found, each case by itself."""

from __future__ import annotations

import asyncio

import pytest

from gwms_async import DecodeError, LoginError
from gwms_async.testing import GwmsEmulator, Html

from .helpers.emulated import client
from .helpers.virtual_io_loop import VirtualIoLoop, virtual_client


def test_a_page_in_place_of_a_login_does_not_forget_refusals() -> None:
    """Refused, then answered with a page, then refused again: the second cool-down is the doubled one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualIoLoop)
        async with GwmsEmulator() as gateway, client(gateway, kind=virtual_client(loop)) as gwms:
            gateway.refuse_logins = True
            with pytest.raises(LoginError, match="for 60 s"):
                await gwms.webhooks.list()
            await asyncio.sleep(61)
            gateway.inject(Html(), operation="login")
            with pytest.raises(DecodeError):
                await gwms.webhooks.list()
            with pytest.raises(LoginError, match="for 120 s"):
                await gwms.webhooks.list()

    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        runner.run(main())
