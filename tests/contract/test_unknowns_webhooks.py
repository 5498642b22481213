"""What the contract and the documentation leave open about webhooks: a client copes with what is likely."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gwms_async import ApiError, DecodeError, HttpMethod, OutcomeStatus, OutcomeUnknownError, WebhookType
from gwms_async.testing import DropAfter, GwmsEmulator, Status

from ..client.test_wire import OPERATIONS
from ..helpers.contract_answers import ABSENT, HOOK, answer, hook_with
from ..helpers.emulated import client, spec, statuses

MOMENT = datetime(2022, 4, 8, 9, 19, 5, tzinfo=UTC)
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
    """Absent, null, wrongly typed or no date at all: None; a webhook is never lost over one."""
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
    """Absent or null it is known from the path, if there is one; wrongly typed it is never taken for a number."""
    data = hook_with(id=value)
    gateway.inject(answer([data] if operation == "list" else data), operation=operation)
    async with client(gateway) as gwms:
        if value in (ABSENT, None) and operation not in {"list", "create"}:
            assert (await OPERATIONS[operation](gwms)).id == 1
            return
        with pytest.raises(OutcomeUnknownError if operation == "create" else DecodeError, match=r"\$(\[0\])?(.id|:)"):
            await OPERATIONS[operation](gwms)


async def test_an_id_that_comes_late(gateway: GwmsEmulator) -> None:
    """A create that is answered without one is looked up by registering, and not made twice."""
    gateway.inject(answer(hook_with(id=ABSENT)), operation="create")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.RECOVERED: 1}
    assert len(gateway.webhooks) == 1


@pytest.mark.parametrize("kind", ["CREATE_CLAIM", "UPDATE_STOCK", "create_order", ""])
async def test_event_types_to_come(gateway: GwmsEmulator, kind: str) -> None:
    """A type or a method that is not listed, and fields that nobody knows, keep no webhook from being read."""
    data = hook_with(webhookType=kind, method="PATCH", secret="x", filter={"a": [1]}, eshopId=5)
    gateway.inject(answer([HOOK, data], page=1, errors=[]), operation="list")
    async with client(gateway) as gwms:
        first, second = await gwms.webhooks.list()

    assert first.webhook_type is WebhookType.CREATE_ORDER
    assert (second.webhook_type, second.method) == (WebhookType.unlisted(kind), HttpMethod.unlisted("PATCH"))
    assert not second.webhook_type.is_listed


async def test_an_unlisted_event_does_not_disturb_a_registration(gateway: GwmsEmulator) -> None:
    """What is there of another type is left alone."""
    strange = gateway.add_webhook(spec().url, "CREATE_CLAIM", method="PATCH")
    async with client(gateway) as gwms:
        await gwms.webhooks.register(spec())

    assert [hook.id for hook in gateway.webhooks] == [strange.id, strange.id + 1]
    assert gateway.webhooks[0] == strange


# What operations mean


@pytest.mark.parametrize("data", [ABSENT, None, "", "deleted", "JVBERi0=", HOOK, [], 5, False])
async def test_whatever_a_deletion_is_answered(gateway: GwmsEmulator, data: object) -> None:
    """A string, a webhook, nothing: it is deleted."""
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
    """A webhook that stays in the list with `unregisteredAt` is told as it is."""
    data = hook_with(active=active, unregisteredAt="2022-04-08T09:19:05.000Z")
    gateway.inject(answer("deleted"), operation="delete")
    gateway.inject(answer([data]), operation="list")
    gateway.add_webhook(spec().url, "CREATE_ORDER")
    async with client(gateway) as gwms:
        await gwms.webhooks.delete(1)
        (hook,) = await gwms.webhooks.list()

    assert (hook.active, hook.unregistered_at) == (active, MOMENT)


async def test_registering_what_is_only_a_memory(gateway: GwmsEmulator) -> None:
    """A marked entry that cannot be activated any more is created anew."""
    gateway.inject(answer([hook_with(active=False, unregisteredAt="2022-04-08T09:19:05.000Z")]), operation="list")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.CREATED: 1}
    assert statuses(gateway, "activate") == [404]
    assert [hook.active for hook in gateway.webhooks] == [True]


async def test_registering_what_is_marked_and_can_be_activated(gateway: GwmsEmulator) -> None:
    """Where `unregisteredAt` means no more than inactive, nothing is created."""
    async with client(gateway) as gwms:
        hook = await gwms.webhooks.create(spec())
        assert (await gwms.webhooks.deactivate(hook.id)).unregistered_at is not None
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.UPDATED: 1}
    assert [hook.active for hook in gateway.webhooks] == [True]


@pytest.mark.parametrize("operation", ["activate", "deactivate"])
@pytest.mark.parametrize("fault", [DropAfter(), Status(500, carry_out=True), Status(504, carry_out=True)], ids=str)
async def test_switching_twice(gateway: GwmsEmulator, operation: str, fault: DropAfter | Status) -> None:
    """A switch whose answer was lost is sent again, and the second finds it done."""
    gateway.add_webhook(spec().url, "CREATE_ORDER", active=operation == "deactivate")
    gateway.inject(fault, operation=operation)
    async with client(gateway) as gwms:
        for _ in range(2):
            assert (await OPERATIONS[operation](gwms)).active is (operation == "activate")

    assert gateway.count(operation) == 3


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_gateway_that_refuses_to_switch_twice(gateway: GwmsEmulator, status: int) -> None:
    """The caller is told so; it is not tried again."""
    gateway.inject(Status(status, message="is active"), operation="activate")
    async with client(gateway) as gwms:
        with pytest.raises(ApiError, match="is active"):
            await gwms.webhooks.activate(1)

    assert gateway.count("activate") == 1


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_gateway_that_allows_each_webhook_once(gateway: GwmsEmulator, status: int) -> None:
    """A create that is refused as there already is told as failed, with what the gateway said, and sent once."""
    gateway.inject(Status(status, message="exists"), operation="create")
    async with client(gateway) as gwms:
        report = await gwms.webhooks.register_many([spec()])

    assert report.counts == {OutcomeStatus.FAILED: 1}
    assert isinstance(report.failures[0].error, ApiError)
    assert gateway.count("create") == 1


async def test_a_gateway_that_allows_each_webhook_twice(gateway: GwmsEmulator) -> None:
    """Of several that are the same, the first is adopted and the others are named."""
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
    """It is never taken for an empty one: a registration stops before it creates everything again."""
    gateway.inject(answer(data), operation="list", times=2)
    async with client(gateway) as gwms:
        for call in (gwms.webhooks.list(), gwms.webhooks.register_many([spec()])):
            with pytest.raises(DecodeError):
                await call

    assert gateway.count("create") == 0
