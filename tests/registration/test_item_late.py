"""What this client wrote and lists do not show yet, or may still be carried out; in virtual time."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from attrs import evolve

from gwms_async import Outcome, OutcomeStatus, OutcomeUnknownError, WebhookSpec
from gwms_async.chain import Call
from gwms_async.registration.bulk import register_many
from gwms_async.registration.coordinator import Coordinator

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, lost, specs

S = OutcomeStatus


async def register(coordinator: Coordinator, spec: WebhookSpec) -> Outcome:
    """Register one webhook."""
    return (await register_many(coordinator, [spec], concurrency=1)).outcomes[0]


async def lose_a_create(
    gateway: FakeGateway, coordinator: Coordinator, spec: WebhookSpec, commits_after: float | None
) -> None:
    """Send a create whose answer is lost, and that is carried out so many seconds later; None for never."""
    gateway.fail("create", Fault(lost, commits_after))
    with pytest.raises(OutcomeUnknownError):
        await coordinator.create_direct(spec)


@pytest.mark.parametrize("commits_after", [0.0, 1.5])
def test_a_lost_create_beside_a_copy_is_named(commits_after: float) -> None:
    """What is there is adopted at once, and looked at again when the create has been carried out."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(spec)
        coordinator = gateway.coordinator()
        await lose_a_create(gateway, coordinator, spec, commits_after)

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, gateway.webhooks[1], (2,))
        assert list(gateway.webhooks) == [1, 2]

    virtual_loop.run(main())


@pytest.mark.parametrize("active", [True, False])
def test_a_lost_create_that_was_not_carried_out_leaves_a_copy_as_it_is(active: bool) -> None:
    """One list more, nothing else; a copy that is inactive stays so where another one is active."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(evolve(spec, active=active))
        gateway.add(spec)
        coordinator = gateway.coordinator()
        await lose_a_create(gateway, coordinator, spec, None)

        outcome = await register(coordinator, spec)

        adopted, other = (1, 2) if active else (2, 1)
        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, gateway.webhooks[adopted], (other,))
        assert [name for name, _ in gateway.journal] == ["create", "list", "list"]

    virtual_loop.run(main())


def test_a_lost_create_beside_a_copy_where_lists_lag() -> None:
    """That the first list does not show what was created tells that the create shows late, too."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=4.0), specs(1)
        coordinator = gateway.coordinator()
        await coordinator.create_direct(spec)
        await lose_a_create(gateway, coordinator, spec, 0.0)

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.copies) == (S.EXISTING, (2,))

    virtual_loop.run(main())


def test_a_list_that_began_too_early_to_show_a_lost_create() -> None:
    """It takes so long that the create has been carried out meanwhile: it does not say that there is none."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        coordinator = gateway.coordinator()
        await lose_a_create(gateway, coordinator, spec, 2.5)
        await asyncio.sleep(1)
        gateway.fail("list", Fault(takes=3.0))

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.copies) == (S.RECOVERED, ())
        assert gateway.count("create") == 1

    virtual_loop.run(main())


def test_a_copy_created_before_the_closing_list_that_shows_later() -> None:
    """The list shows what was registered and nothing else; what `create` has created since is named all the same."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=1.0), specs(1)
        coordinator = gateway.coordinator()
        registering = asyncio.create_task(register(coordinator, spec))
        await asyncio.sleep(0.6)
        second = await coordinator.create_direct(spec)

        outcome = await registering

        assert (outcome.status, outcome.copies) == (S.CREATED, (second.id,))

    virtual_loop.run(main())


def test_an_open_webhook_in_a_state_that_lists_do_not_show_yet() -> None:
    """A killed run created it, the user deactivated it: the closing list does not believe that it is active."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=4.0), specs(1)
        coordinator = gateway.coordinator()
        await coordinator.create(spec, Call())
        await asyncio.sleep(5)
        await coordinator.create_direct(spec)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], active=False)
        gateway.changed()
        coordinator.memory.note_changed(gateway.webhooks[1])

        outcome = await register(coordinator, spec)

        assert not outcome.is_failure
        assert outcome.webhook is not None
        assert outcome.webhook.active
        assert outcome.webhook == gateway.webhooks[outcome.webhook.id]

    virtual_loop.run(main())


def test_what_was_deleted_and_is_still_there_counts_as_a_copy() -> None:
    """The delete had no effect: what a run that was killed has created is the second copy, and goes."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(), specs(1)
        gateway.add(spec)
        coordinator = gateway.coordinator()
        coordinator.memory.note_deleted(1)
        await coordinator.create(spec, Call())
        await asyncio.sleep(7)

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, gateway.webhooks[1], (2,))
        assert list(gateway.webhooks) == [1]

    virtual_loop.run(main())


def test_what_was_perhaps_changed_and_is_not_shown_by_id_yet() -> None:
    """A replica does not have it yet; that it was perhaps changed does not make its 404 the truth."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=1.0), specs(1)
        gateway.add(spec)
        coordinator = gateway.coordinator()
        coordinator.memory.note_uncertain(1)

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.copies) == (S.EXISTING, ())
        assert gateway.count("create") == 0

    virtual_loop.run(main())


def test_a_lost_delete_of_what_is_not_shown_by_id_yet() -> None:
    """It was not carried out; a replica that has not heard of the webhook yet does not show that it is gone."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(get_lag=1.0), specs(1)
        coordinator = gateway.coordinator()
        gateway.changed()
        created = await coordinator.create_direct(spec)
        gateway.fail("delete", Fault(lost))

        await coordinator.by_id.delete(created.id, spec, lambda: coordinator.api_for(Call()))

        assert gateway.webhooks == {}
        assert gateway.count("delete") == 2

    virtual_loop.run(main())


def test_an_id_that_is_given_again() -> None:
    """What was created is gone by its id, until the same run is answered with that id, which lists do not show yet."""

    async def main() -> None:
        gateway, (spec,) = FakeGateway(list_lag=1.0), specs(1)
        coordinator = gateway.coordinator()
        await coordinator.create_direct(spec)
        gateway.webhooks.clear()
        gateway.changed()
        await asyncio.sleep(7)
        gateway.ids = count(1)

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook) == (S.CREATED, gateway.webhooks[1])
        assert not outcome.is_failure

    virtual_loop.run(main())


def test_what_has_been_made_a_copy_where_lists_show_what_it_was() -> None:
    """It stays, for it has the lowest id; that a list is old is no other spelling."""

    async def main() -> None:
        gateway, (spec, other) = FakeGateway(list_lag=2.0), specs(2)
        gateway.add(other)
        await asyncio.sleep(3)
        coordinator = gateway.coordinator()
        await coordinator.create(spec, Call())
        gateway.webhooks[1] = evolve(gateway.webhooks[1], url=spec.url)
        gateway.changed()
        coordinator.memory.note_changed(gateway.webhooks[1])

        outcome = await register(coordinator, spec)

        assert (outcome.status, outcome.webhook, outcome.copies) == (S.EXISTING, gateway.webhooks[1], (2,))
        assert not outcome.is_failure
        assert list(gateway.webhooks) == [1]

    virtual_loop.run(main())
