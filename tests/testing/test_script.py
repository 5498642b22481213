"""Which requests faults hit: the script by itself, and on a running emulator."""

from __future__ import annotations

from typing import Any

import pytest

from gwms_async.testing import DropAfter, Fault, GwmsEmulator, RevokeTokens, Status
from gwms_async.testing.script import Script, check_operation
from gwms_async.testing.wire import OPERATIONS

from ..helpers.plain_client import logged_in, plain

A, B, C = Status(500), Status(501), Status(502)


def hits(script: Script[Fault], *operations: str) -> list[Fault | None]:
    """Return the fault that hits each of some requests."""
    return [script.next(operation) for operation in operations]


def test_a_script_hits_in_the_order_of_its_entries() -> None:
    """Of several faults for one request the one added first wins; the others wait."""
    script = Script[Fault]()
    script.add(A, None, 1, 1)
    script.add(B, None, 2, 1)
    assert script.left == 3

    assert hits(script, "get", "list", "get", "get") == [A, B, B, None]
    assert script.left == 0


def test_a_script_counts_requests_that_another_fault_hits() -> None:
    """`at` counts all requests of the operation, including those that are hit."""
    script = Script[Fault]()
    script.add(A, None, 2, 1)
    script.add(B, None, 1, 3)
    script.add(C, None, 1, 2)

    assert hits(script, *["get"] * 5) == [A, A, B, C, None]


def test_a_script_keeps_operations_apart() -> None:
    """An operation takes its own faults and those for any operation; a login only its own."""
    script = Script[Fault]()
    script.add(A, "create", 1, 2)
    script.add(B, "login", 1, 1)
    script.add(C, None, 1, 2)

    assert hits(script, "login", "login", "create", "list", "create") == [B, None, None, C, A]


def test_operations_have_names() -> None:
    """An unknown name is an error."""
    for operation in OPERATIONS:
        check_operation(operation)
    with pytest.raises(ValueError, match="not ''"):
        check_operation("")


async def test_a_fault_hits_the_next_request(gateway: GwmsEmulator) -> None:
    """Once, by default."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503))
        assert gateway.faults_left == 1

        assert await client.statuses(3) == [503, 200, 200]
    assert gateway.faults_left == 0


async def test_a_fault_hits_some_requests_in_a_row(gateway: GwmsEmulator) -> None:
    """`at` is the first, `times` how many; `faults_left` is up to date at any time."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), at=2, times=3)

        assert await client.statuses(3) == [200, 503, 503]
        assert gateway.faults_left == 1
        assert await client.statuses(2) == [503, 200]
    assert gateway.faults_left == 0


async def test_a_fault_hits_the_requests_of_an_operation(gateway: GwmsEmulator) -> None:
    """Other requests are neither hit nor counted."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), operation="create", at=2)

        assert await client.statuses(3) == [200, 200, 200]
        assert [(await client.create()).status for _ in range(3)] == [200, 503, 200]


async def test_logins_are_hit_only_if_named(gateway: GwmsEmulator) -> None:
    """A fault for any request leaves logins alone; one for logins hits nothing else."""
    async with plain(gateway) as client:
        gateway.inject(Status(503))
        gateway.inject(Status(502), operation="login", at=2)
        await client.log_in()
        assert gateway.faults_left == 2

        assert await client.statuses(2) == [503, 200]
        assert (await client.send("POST", "/users/login", {})).status == 502
    assert gateway.tokens_issued == [str(client.authorization).removeprefix("Bearer ")]


async def test_unknown_endpoints_are_hit_too(gateway: GwmsEmulator) -> None:
    """They count as the operation `other`."""
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), operation="other")

        assert await client.statuses(1) == [200]
        assert (await client.send("GET", "/nowhere")).status == 503


async def test_a_login_may_revoke_other_tokens(gateway: GwmsEmulator) -> None:
    """`RevokeTokens` on a login revokes earlier tokens, but not the new one."""
    async with logged_in(gateway) as first, plain(gateway) as second:
        gateway.inject(RevokeTokens(), operation="login")
        await second.log_in()

        assert await first.statuses(1) == [401]
        assert await second.statuses(1) == [200]


@pytest.mark.parametrize(("times", "at"), [(0, 1), (1, 0), (-1, 5)])
async def test_a_fault_that_can_hit_nothing_is_an_error(gateway: GwmsEmulator, times: int, at: int) -> None:
    """It is an error at once, and nothing is injected."""
    with pytest.raises(ValueError, match=f"times and at must be 1 or more, not {times} and {at}"):
        gateway.inject(DropAfter(), times=times, at=at)
    with pytest.raises(ValueError, match=r"operation must be one of activate, .*, not 'post'"):
        gateway.inject(DropAfter(), operation="post")

    assert gateway.faults_left == 0


@pytest.mark.parametrize(("times", "at"), [(2.5, 1), (float("inf"), 1), ("3", 1), (1, 1.5)])
def test_only_integers_count(times: Any, at: Any) -> None:
    """A fraction would never be used up."""
    with pytest.raises(TypeError, match="times and at must be integers"):
        Script[Fault]().add(A, None, times, at)
