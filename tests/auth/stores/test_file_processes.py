"""Processes that share a token store: one login for all, also when one of them is killed in the midst of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

pytest.importorskip("filelock", reason="the store in files is an extra")

from gwms_async import FileTokenStore, Token
from gwms_async.testing import GwmsEmulator, Stall
from gwms_async.tokens import store_key

from ...helpers.emulated import until
from ...helpers.store_processes import processes


@pytest.mark.slow
def test_eight_processes_that_start_together(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The token that they find has expired: one of them logs in, and all calls of all go through."""
    key = store_key(gwms_emulator.base_url, gwms_emulator.credentials.username)
    asyncio.run(FileTokenStore(tmp_path).save(key, Token("expired", time.time() - 60)))

    with processes(8, gwms_emulator, tmp_path, calls=50) as started:
        for one in started:
            one.go()
        for one in started:
            one.expect("locking")
            one.expect("done: 50")
            one.end()

    assert gwms_emulator.logins == 1
    assert gwms_emulator.count("list") == 400
    assert {exchange.status for exchange in gwms_emulator.requests} == {200}
    assert [file.name for file in sorted(tmp_path.iterdir())] == [f"{key}.json", f"{key}.lock"]


@pytest.mark.slow
def test_a_process_killed_while_it_holds_the_lock(gwms_emulator: GwmsEmulator, tmp_path: Path) -> None:
    """The others go on without a warning: waiting in vain would cost them one, and a login each."""
    gwms_emulator.inject(Stall(60), operation="login")
    with processes(4, gwms_emulator, tmp_path, calls=5) as (holder, *others):
        holder.go()
        holder.expect("locking")
        asyncio.run(until(lambda: gwms_emulator.logins == 1))
        for one in others:
            one.go()
            one.expect("locking")

        holder.kill()
        for one in others:
            one.expect("done: 5")
            one.end()

    assert gwms_emulator.logins == 2
    assert gwms_emulator.count("list") == 15
