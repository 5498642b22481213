"""Deletes and reads by id whose responses are lost, or come from a replica; in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from attrs import evolve

from gwms_async import ApiError, GwmsError, OutcomeUnknownError, ServerError, Webhook
from gwms_async.chain import Call

from ..helpers import virtual_loop
from ..helpers.fake_gateway import (
    FakeGateway,
    FakeOperations,
    Fault,
    lost,
    not_found,
    refused,
    spec_values,
    specs,
    urls,
)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("commits_after", [None, 0.0])
def test_a_delete_whose_response_was_lost(commits_after: float | None, reused: bool) -> None:
    """It is sent again only where `get` still shows the webhook: by then the id may be another client's."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(), specs(2)
        webhook = gateway.add(spec)
        coordinator = gateway.coordinator()
        operations = FakeOperations(gateway, Call())
        gateway.fail("delete", Fault(lost, commits_after))
        is_reused = reused and commits_after is not None
        if is_reused:
            gateway.later(0.0101, lambda: gateway.webhooks.update({1: Webhook(1, *spec_values(other))}))

        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)
        await gateway.settle()

        assert urls(gateway.webhooks.values()) == urls([other] if is_reused else [])
        assert gateway.count("delete") == (1 if commits_after == 0 else 2)

    virtual_loop.run(main())


def test_deletes_whose_responses_are_all_lost() -> None:
    """After six seconds the error says that it may or may not have been carried out."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook = gateway.add(spec)
        operations = FakeOperations(gateway, Call())
        gateway.fail("delete", *[Fault(lost)] * 9)

        with pytest.raises(OutcomeUnknownError, match="lost"):
            await gateway.coordinator().by_id.delete(webhook.id, spec, lambda: operations)

        assert gateway.count("delete") == 7

    virtual_loop.run(main())


def test_connections_that_are_closed_behind_each_response() -> None:
    """A delete right behind a read is lost, as through tinyproxy; one that comes a second later is carried out."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        class Closing(FakeOperations):
            async def get(self, webhook_id: int) -> Webhook:
                try:
                    return await super().get(webhook_id)
                finally:
                    self.read_at = loop.time()

            async def delete(self, webhook_id: int) -> None:
                if loop.time() - self.read_at < 0.5:
                    raise lost()
                await super().delete(webhook_id)

        gateway, (spec,) = FakeGateway(), specs(1)
        webhook = gateway.add(spec)
        operations = Closing(gateway, Call())
        coordinator = gateway.coordinator()

        await coordinator.by_id.read(webhook.id, lambda: operations)
        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert not gateway.webhooks

    virtual_loop.run(main())


@pytest.mark.parametrize("get_lag", [0.0, 5.0])
def test_a_delete_that_a_replica_refuses(get_lag: float) -> None:
    """A 404 to the delete of what is new may come from a replica: it is sent again once a read shows it."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=get_lag), specs(1)
        coordinator, operations = gateway.coordinator(), FakeOperations(gateway, Call())
        gateway.changed()
        webhook, _ = await coordinator.create(spec, Call())
        gateway.fail("delete", Fault(lambda: not_found(webhook.id)))

        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert not gateway.webhooks

    virtual_loop.run(main())


def test_a_delete_of_what_is_gone_after_one_that_failed() -> None:
    """The first may or may not have been carried out, and another client may have deleted it: then it is gone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        operations = FakeOperations(gateway, Call())
        gateway.fail("delete", Fault(refused))
        with pytest.raises(ServerError):
            await coordinator.by_id.delete(webhook.id, spec, lambda: operations)
        gateway.webhooks.clear()

        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert coordinator.memory.is_deleted(webhook.id)
        assert gateway.count("delete") == 2

    virtual_loop.run(main())


@pytest.mark.parametrize("status", [404, 410])
def test_a_delete_that_is_confirmed_by_the_page_of_a_proxy(status: int) -> None:
    """The gateway has answered the delete, and a proxy replaces its answer to the read: the status says enough."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        operations = FakeOperations(gateway, Call())
        gateway.fail("get", Fault(lambda: ApiError(status=status, message="no", method="GET", path="/webhooks/1")))

        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert coordinator.memory.is_deleted(webhook.id)
        assert [name for name, _ in gateway.journal] == ["delete", "get"]

    virtual_loop.run(main())


@pytest.mark.parametrize("status", [404, 410])
def test_a_delete_whose_response_was_lost_before_the_page_of_a_proxy(status: int) -> None:
    """The page confirms nothing: the proxy may not reach the gateway, and the webhook may be there."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        operations = FakeOperations(gateway, Call())
        gateway.fail("delete", Fault(lost))
        gateway.fail("get", Fault(lambda: ApiError(status=status, message="no", method="GET", path="/webhooks/1")))

        with pytest.raises(ApiError):
            await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert not coordinator.memory.is_deleted(webhook.id)

    virtual_loop.run(main())


@pytest.mark.parametrize("change", ["activate", "update"])
def test_a_delete_without_effect_before_a_replica_shows_the_last_write(change: str) -> None:
    """What the replica still shows, a tombstone or another identity, does not say that the webhook is gone."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(get_lag=5.0), specs(2)
        webhook = gateway.add(spec)
        unregistered_at = datetime(2026, 1, 1, tzinfo=UTC)
        inactive = evolve(webhook, active=False, unregistered_at=unregistered_at)
        gateway.webhooks[1] = inactive if change == "activate" else Webhook(1, *spec_values(other))
        gateway.changed()
        coordinator, operations = gateway.coordinator(), FakeOperations(gateway, Call())
        await asyncio.sleep(60.0)
        gateway.webhooks[1] = webhook
        gateway.changed()
        coordinator.memory.note_changed(webhook)
        gateway.without_effect = {"delete"}

        with pytest.raises(GwmsError, match="webhook 1 is still there"):
            await coordinator.by_id.delete(1, spec, lambda: operations)

        assert not coordinator.memory.is_deleted(1)

    virtual_loop.run(main())


def test_a_delete_that_leaves_a_tombstone() -> None:
    """What the gateway still shows of a webhook, as inactive and unregistered, is gone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook, coordinator = gateway.add(spec), gateway.coordinator()
        operations = FakeOperations(gateway, Call())
        tombstone = evolve(webhook, active=False, unregistered_at=datetime(2026, 1, 1, tzinfo=UTC))
        gateway.later(0.0101, lambda: gateway.webhooks.update({1: tombstone}))

        await coordinator.by_id.delete(webhook.id, spec, lambda: operations)

        assert gateway.webhooks == {1: tombstone}
        assert [name for name, _ in gateway.journal] == ["delete", "get"]

    virtual_loop.run(main())


def test_what_is_still_there_is_read_once_a_second() -> None:
    """Its (de)activation was answered with 404; for six seconds that may have come from a replica."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        webhook, now = gateway.add(spec), asyncio.get_running_loop().time()
        operations = FakeOperations(gateway, Call())

        assert await gateway.coordinator().by_id.after_404(webhook, spec, lambda: operations, now) == webhook

        assert gateway.count("get") == 7

    virtual_loop.run(main())
