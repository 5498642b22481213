"""What the contract and the documentation leave open about webhooks: the client copes with what is likely."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gwms_async import ApiError, DecodeError, GwmsClient, HttpMethod, OutcomeStatus, OutcomeUnknownError, WebhookType
from gwms_async.testing import DropAfter, DropBefore, GwmsEmulator, Status

from ..client.test_wire import OPERATIONS
from ..helpers.contract_answers import ABSENT, HOOK, answer, hook_with
from ..helpers.emulated import client, spec, statuses
from ..helpers.slow import first
from ..helpers.virtual_io_loop import with_virtual_gateway

MOMENT = datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)
LOST = Status(404, body=b"<h1>default backend - 404</h1>")
SINGLE = ["create", "get", "update", "activate", "deactivate"]


# Webhooks


@pytest.mark.parametrize("field", ["registeredAt", "unregisteredAt"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ABSENT, None),
        (None, None),
        ("", None),
        ("text", None),
        ("0000-00-00T00:00:00Z", None),
        ("1649409545", None),
        (1649409545, None),
        (1649409545000.5, None),
        (False, None),
        ({"date": "2022-04-08"}, None),
        (["2022-04-08"], None),
        ("2022-04-08T09:19:05.000Z", MOMENT),
        ("2022-04-08T11:19:05+02:00", MOMENT),
        ("2022-04-08 09:19:05", MOMENT),
        ("20220408T091905Z", MOMENT),
    ],
)
async def test_optional_moments(gateway: GwmsEmulator, field: str, value: object, expected: datetime | None) -> None:
    """Absent, null, of the wrong type or not a date: None, and the webhook is still read."""
    data = hook_with(**{field: value})
    gateway.inject(answer([data]), operation="list")
    for operation in SINGLE:
        gateway.inject(answer(data), operation=operation)
    async with client(gateway) as gwms:
        hooks = [*await gwms.webhooks.list(), *[await OPERATIONS[operation](gwms) for operation in SINGLE]]

    name = {"registeredAt": "registered_at", "unregisteredAt": "unregistered_at"}[field]
    assert {getattr(hook, name) for hook in hooks} == {expected}


@pytest.mark.parametrize("value", [ABSENT, None, "1", 1.5, True, [1], {}])
@pytest.mark.parametrize("operation", ["list", *SINGLE])
async def test_the_optional_id(gateway: GwmsEmulator, operation: str, value: object) -> None:
    """Absent or null, it is taken from the path, if there is one; of the wrong type, it is an error."""
    data = hook_with(id=value)
    gateway.inject(answer([data] if operation == "list" else data), operation=operation)
    async with client(gateway) as gwms:
        if value in (ABSENT, None) and operation not in {"list", "create"}:
            assert (await OPERATIONS[operation](gwms)).id == 1
            return
        with pytest.raises(OutcomeUnknownError if operation == "create" else DecodeError, match=r"\$(\[0\])?(.id|:)"):
            await OPERATIONS[operation](gwms)


def test_an_id_that_comes_late() -> None:
    """A registration looks up a create that was answered without an id, and does not repeat it."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(answer(hook_with(id=ABSENT)), operation="create")
        async with client(gateway, kind=kind) as gwms:
            report = await gwms.webhooks.register_many([spec()])

        assert report.counts == {OutcomeStatus.RECOVERED: 1}
        assert len(gateway.webhooks) == 1

    with_virtual_gateway(main)


@pytest.mark.parametrize("kind", ["CREATE_CLAIM", "UPDATE_STOCK", "new_event", ""])
async def test_event_types_to_come(gateway: GwmsEmulator, kind: str) -> None:
    """Unlisted event types and methods and unknown fields do not keep a webhook from being read."""
    data = hook_with(webhookType=kind, method="PATCH", secret="x", filter={"a": [1]}, eshopId=5)
    gateway.inject(answer([HOOK, data], page=1, errors=[]), operation="list")
    async with client(gateway) as gwms:
        first, second = await gwms.webhooks.list()

    assert first.webhook_type is WebhookType.CREATE_ORDER
    assert (second.webhook_type, second.method) == (WebhookType.unlisted(kind), HttpMethod.unlisted("PATCH"))
    assert not second.webhook_type.is_listed


async def test_an_unlisted_event_does_not_disturb_a_registration(gateway: GwmsEmulator) -> None:
    """Webhooks of other event types are left alone."""
    strange = gateway.add_webhook(spec().url, "CREATE_CLAIM", method="PATCH")
    async with client(gateway) as gwms:
        await gwms.webhooks.register(spec())

    assert [hook.id for hook in gateway.webhooks] == [strange.id, strange.id + 1]
    assert gateway.webhooks[0] == strange


# What operations mean


@pytest.mark.parametrize("data", [ABSENT, None, "", "deleted", "JVBERi0=", HOOK, [], 5, False])
async def test_whatever_a_deletion_is_answered(gateway: GwmsEmulator, data: object) -> None:
    """A string, a webhook or nothing: all count as deleted."""
    gateway.inject(answer(data), operation="delete")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)

    assert gateway.webhooks == []


async def test_a_deletion_without_any_body(gateway: GwmsEmulator) -> None:
    """204 is a success too."""
    gateway.inject(Status(204, body=b"", carry_out=True), operation="delete")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)

    assert gateway.webhooks == []


@pytest.mark.parametrize("active", [True, False])
async def test_a_deletion_that_only_marks(gateway: GwmsEmulator, active: bool) -> None:
    """A webhook that stays in the list with `unregisteredAt` is listed as it is."""
    data = hook_with(active=active, unregisteredAt="2022-04-08T09:19:05.000Z")
    gateway.inject(answer("deleted"), operation="delete")
    gateway.inject(answer([data]), operation="list")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)
        (hook,) = await gwms.webhooks.list()

    assert (hook.active, hook.unregistered_at) == (active, MOMENT)


async def test_registering_a_tombstone(gateway: GwmsEmulator) -> None:
    """A tombstone that can no longer be activated is replaced by a new webhook."""
    gateway.inject(answer([hook_with(active=False, unregisteredAt="2022-04-08T09:19:05.000Z")]), operation="list")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.CREATED: 1}
    assert statuses(gateway, "activate") == [404]
    assert [hook.active for hook in gateway.webhooks] == [True]


async def test_activating_through_a_proxy_that_has_lost_the_gateway(gateway: GwmsEmulator) -> None:
    """Its 404 does not make a webhook a tombstone: no second one is created."""
    gateway.add_webhook(spec().url, "CREATE_ORDER", active=False)
    gateway.inject(LOST, operation="activate")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.FAILED: 1}
    assert "perhaps sent by a proxy" in str(report.outcomes[0].error)
    assert statuses(gateway, "create") == []


@pytest.mark.parametrize("operation", ["get", "delete"])
async def test_deleting_through_a_proxy_that_has_lost_the_gateway(gateway: GwmsEmulator, operation: str) -> None:
    """What its 404s hide is not reported as deleted."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(LOST, operation=operation, times=9)
    gateway.inject(LOST, operation="get", at=2, times=9)
    async with client(gateway) as gwms:
        report = await gwms.webhooks.apply(await gwms.webhooks.plan([], prune="https://shop.example/"))

    assert report.counts == {OutcomeStatus.FAILED: 1}
    assert len(gateway.webhooks) == 1


@pytest.mark.parametrize(("page", "expected"), [(LOST, "deleted"), (Status(403), "failed")])
async def test_deleting_through_a_proxy_with_pages_of_its_own(
    gateway: GwmsEmulator, page: Status, expected: str
) -> None:
    """It replaces the envelope of a 404 by its page: after a delete that the gateway confirmed, that is enough."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(page, operation="get", at=2, times=9)
    async with client(gateway) as gwms:
        report = await gwms.webhooks.apply(await gwms.webhooks.plan([], prune="https://shop.example/"))

    assert report.counts == {OutcomeStatus(expected): 1}
    assert gateway.webhooks == []


async def test_a_404_of_a_proxy_after_a_lost_delete(gateway: GwmsEmulator) -> None:
    """It does not show that the lost one was carried out."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(DropBefore(), operation="delete")
    gateway.inject(LOST, operation="delete")
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match="perhaps sent by a proxy"):
            await gwms.webhooks.delete(1)


async def test_registering_what_is_marked_and_can_be_activated(gateway: GwmsEmulator) -> None:
    """Where `unregisteredAt` only means inactive, nothing is created."""
    async with client(gateway) as gwms:
        hook = await gwms.webhooks.create(spec())
        assert (await gwms.webhooks.deactivate(hook.id)).unregistered_at is not None
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.UPDATED: 1}
    assert [hook.active for hook in gateway.webhooks] == [True]


@pytest.mark.parametrize("operation", ["activate", "deactivate"])
@pytest.mark.parametrize("fault", [DropAfter(), Status(500, carry_out=True), Status(524, carry_out=True)], ids=str)
async def test_switching_twice(gateway: GwmsEmulator, operation: str, fault: DropAfter | Status) -> None:
    """A switch whose answer was lost is sent again, which changes nothing."""
    gateway.add_webhook(spec().url, "CREATE_ORDER", active=operation == "deactivate")
    gateway.inject(fault, operation=operation)
    async with client(gateway) as gwms:
        for _ in range(2):
            assert (await OPERATIONS[operation](gwms)).active is (operation == "activate")

    assert gateway.count(operation) == 3


@pytest.mark.parametrize("status", first(1, [524, 303, 500, 507, 520, 599]))
def test_a_create_that_is_carried_out_all_the_same(status: int) -> None:
    """A proxy gave up, or sends elsewhere for the result: the outcome is unknown, and a registration finds out."""

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        gateway.inject(Status(status, carry_out=True), operation="create", times=2)
        async with client(gateway, kind=kind) as gwms:
            with pytest.raises(OutcomeUnknownError, match=f"{status}: "):
                await gwms.webhooks.create(spec())
            report = await gwms.webhooks.register_many([spec(2)])

        assert report.counts == {OutcomeStatus.RECOVERED: 1}
        assert len(gateway.webhooks) == gateway.count("create") == 2

    with_virtual_gateway(main)


@pytest.mark.parametrize("operation", ["list", "get", "update", "activate", "delete"])
async def test_see_other(gateway: GwmsEmulator, operation: str) -> None:
    """What may be repeated and is sent elsewhere once is repeated."""
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    gateway.inject(Status(303), operation=operation)
    async with client(gateway) as gwms:
        await OPERATIONS[operation](gwms)

    assert gateway.count(operation) == 2


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_gateway_that_refuses_to_switch_twice(gateway: GwmsEmulator, status: int) -> None:
    """The caller gets the error; there is no retry."""
    gateway.inject(Status(status, message="is active"), operation="activate")
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match="is active"):
            await gwms.webhooks.activate(1)

    assert gateway.count("activate") == 1


@pytest.mark.parametrize("status", first(2, [400, 422, 409]))
async def test_a_gateway_that_allows_each_webhook_once(gateway: GwmsEmulator, status: int) -> None:
    """A create refused as already existing has failed, with the gateway's message, and is sent once."""
    gateway.inject(Status(status, message="exists"), operation="create")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.FAILED: 1}
    assert isinstance(report.failures[0].error, ApiError)
    assert gateway.count("create") == 1


async def test_a_gateway_that_allows_each_webhook_twice(gateway: GwmsEmulator) -> None:
    """Of several equal webhooks, the first is adopted and the others are listed as copies."""
    for _ in range(3):
        gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    (outcome,) = report.outcomes
    assert outcome.status is OutcomeStatus.EXISTING
    assert outcome.webhook is not None
    assert (outcome.webhook.id, outcome.copies) == (1, (2, 3))
    assert len(gateway.webhooks) == 3


@pytest.mark.parametrize("data", [ABSENT, None, {}, {"data": [HOOK]}, {"1": HOOK}, "", HOOK])
async def test_a_list_in_another_shape(gateway: GwmsEmulator, data: object) -> None:
    """It is not taken for an empty list: a registration stops before it creates anything."""
    gateway.inject(answer(data), operation="list", times=2)
    async with client(gateway) as gwms:
        for call in (gwms.webhooks.list(), gwms.webhooks.register_many([spec()])):
            with pytest.raises(DecodeError):
                await call

    assert gateway.count("create") == 0


async def test_a_switch_that_is_answered_with_another_identity(gateway: GwmsEmulator) -> None:
    """The outcome has the webhook as it was, and the error says what it is now."""
    held = gateway.add_webhook(spec().url, spec().webhook_type, active=False)
    gateway.inject(answer(hook_with(id=held.id, url="https://shop.example/other")), operation="activate")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    (outcome,) = report.outcomes
    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.webhook is not None
    assert outcome.webhook.id == held.id
    assert f"webhook {held.id} is now 'https://shop.example/other' on " in str(outcome.error)
