"""Webhooks that a registration activates or deactivates, on gateways whose success responses prove little."""

from __future__ import annotations

import asyncio
import json

import pytest
from attrs import evolve

from gwms_async import ForbiddenError, GwmsClient, OutcomeStatus
from gwms_async.testing import DropAfter, DropBefore, Fault, GwmsEmulator, NoEffect, OtherState, RawBody, Stall, Status

from ..helpers.emulated import client, spec
from ..helpers.virtual_io_loop import with_virtual_gateway

S = OutcomeStatus
ANOTHER = b"""{"data": {
    "id": 99, "url": "https://shop.example/99", "webhookType": "CREATE_ORDER", "active": true, "method": "POST"
}}"""


def test_a_switch_that_is_echoed_and_not_carried_out() -> None:
    """A success is no proof, whatever the answer shows: six seconds later the webhook is still as it was."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            for active in (True, False):
                gateway.add_webhook(spec().url, "CREATE_ORDER", active=not active)
                gateway.inject(NoEffect(echo=True), operation="activate" if active else "deactivate")
                for status in (S.FAILED, S.UPDATED):
                    (outcome,) = (await gwms.webhooks.register_many([evolve(spec(), active=active)])).outcomes
                    assert (outcome.status, outcome.is_failure) == (status, status is S.FAILED)
                gateway.remove_webhook(gateway.webhooks[0].id)

    with_virtual_gateway(main)


@pytest.mark.parametrize("fault", [Status(403), RawBody(b'{"data": {"id": 7}}')])
def test_a_switched_webhook_that_cannot_be_looked_at(fault: Fault) -> None:
    """That is a failure, as for a delete; the next run finds it as it is."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
            gateway.inject(fault, operation="get", at=2)
            for status in (S.FAILED, S.EXISTING):
                (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes
                assert outcome.status is status
                assert gateway.webhooks[0].active

    with_virtual_gateway(main)


@pytest.mark.parametrize("is_done", [True, False])
@pytest.mark.parametrize("is_readable", [True, False])
@pytest.mark.parametrize("page", [b'{"statusCode": 200}', b"<html>done</html>", ANOTHER])
def test_a_switch_whose_response_does_not_show_the_webhook(is_done: bool, is_readable: bool, page: bytes) -> None:
    """The read decides; if it fails, nothing is known."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
            gateway.inject(RawBody(page, carry_out=is_done), operation="activate")
            gateway.inject(Status(429 if is_readable else 403), operation="get", at=2)
            (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes

            assert outcome.status is (S.UPDATED if is_done and is_readable else S.FAILED)
            assert ("left it as it was" in str(outcome.error)) is (is_readable and not is_done)

    with_virtual_gateway(main)


def test_a_switched_webhook_that_is_not_there() -> None:
    """What is listed and can be switched may be a tombstone; `get` knows better, and it is created again."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
            gateway.inject(Status(404), operation="get", times=9)
            (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes

            assert outcome.status is S.CREATED
            assert gateway.count("create") == 1

    with_virtual_gateway(main)


def test_a_switched_webhook_that_has_become_another() -> None:
    """The error shows what it is now."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
            other = {"id": 1, "url": spec(2).url, "webhookType": "CREATE_ORDER", "active": True, "method": "POST"}
            gateway.inject(RawBody(json.dumps({"data": other}).encode()), operation="get", times=9, at=2)
            (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes

            assert outcome.status is S.FAILED
            assert f"webhook 1 is now {spec(2).url!r} on CREATE_ORDER by POST" in str(outcome.error)

    with_virtual_gateway(main)


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.parametrize("active", [True, False])
def test_what_another_client_has_updated_since_the_list_is_not_switched(active: bool, is_own: bool) -> None:
    """By now it is that client's webhook, in the state that it wants; the next run creates ours."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        wanted, theirs = evolve(spec(), active=active), evolve(spec(2), active=not active)
        async with client(gateway, kind=kind) as gwms, client(gateway, kind=kind) as other:
            hook = await (gwms if is_own else other).webhooks.register(evolve(wanted, active=not active))
            await asyncio.sleep(20)
            await other.webhooks.update(hook, theirs)
            (outcome,) = (await gwms.webhooks.register_many([wanted])).outcomes

            assert outcome.status is S.FAILED
            assert f"webhook 1 is now {theirs.url!r} on CREATE_ORDER by POST" in str(outcome.error)
            assert await gwms.webhooks.get(hook) == evolve(hook, url=theirs.url)
            await asyncio.sleep(5)
            assert (await gwms.webhooks.register(wanted)).id == 2

    with_virtual_gateway(main, list_lag=5.0)


@pytest.mark.parametrize("is_found", [True, False])
def test_what_could_not_be_looked_at_is_as_asked_in_the_closing_list(is_found: bool) -> None:
    """Its create was lost, so there is such a list, which decides: the (de)activation was carried out."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms, client(gateway, kind=kind) as other:
            gateway.inject(DropAfter() if is_found else DropBefore(), operation="create")
            gateway.inject(OtherState(), operation="create", at=2)
            gateway.inject(Status(403), operation="get", at=2 if is_found else 1)
            run = asyncio.create_task(gwms.webhooks.register_many([spec()]))
            if is_found:
                await asyncio.sleep(0.5)
                await other.webhooks.deactivate(1)
            (outcome,) = (await run).outcomes

            assert (outcome.status, outcome.error) == (S.RECOVERED if is_found else S.CREATED, None)
            assert outcome.webhook == await gwms.webhooks.get(1)

    with_virtual_gateway(main)


def test_what_a_replica_shows_as_another_is_read_again() -> None:
    """Another client has made it what is asked just now: the list shows that already, and `get` does not yet."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms, client(gateway, kind=kind) as other:
            hook = await other.webhooks.create(evolve(spec(2), active=False))
            await asyncio.sleep(60)
            await other.webhooks.update(hook, evolve(spec(), active=False))
            (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes

            assert (outcome.status, outcome.error) == (S.UPDATED, None)
            assert gateway.webhooks[0].active

    with_virtual_gateway(main, get_lag=5.0)


def test_a_run_that_ends_while_it_switches_what_it_created() -> None:
    """The report shows the webhook: it exists, although not yet as the spec asks."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.inject(OtherState(), operation="create")
            gateway.inject(NoEffect(echo=True), operation="activate")
            (outcome,) = (await gwms.webhooks.register_many([spec()], deadline=3)).outcomes

            assert (outcome.status, outcome.webhook and outcome.webhook.id) == (S.FAILED, gateway.webhooks[0].id)
            (outcome,) = (await gwms.webhooks.register_many([spec()])).outcomes
            assert outcome.status is S.UPDATED
            assert len(gateway.webhooks) == 1

    with_virtual_gateway(main)


@pytest.mark.parametrize("operation", ["get", "activate"])
def test_a_run_that_ends_while_a_request_for_what_exists_is_on_the_wire(operation: str) -> None:
    """The outcome is unknown, and the error does not say that it was being created."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
            gateway.inject(Stall(20), operation=operation)
            (outcome,) = (await gwms.webhooks.register_many([spec()], deadline=1)).outcomes

            assert outcome.status is S.UNKNOWN
            assert "the last request for it was cut short: it may or may not be registered" in str(outcome.error)

    with_virtual_gateway(main)


def test_the_error_of_one_that_was_created_and_cannot_be_looked_at() -> None:
    """It has a note that the webhook is there."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind) as gwms:
            gateway.inject(OtherState(), operation="create")
            gateway.inject(Status(403), operation="get")
            with pytest.raises(ForbiddenError) as caught:
                await gwms.webhooks.register(spec())

            assert caught.value.__notes__ == ["webhook 1 is not as the spec asks"]

    with_virtual_gateway(main)
