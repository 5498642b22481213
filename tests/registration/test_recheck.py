"""Webhooks that a run adopted, and that what it created has changed or driven out; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import pytest
from attrs import evolve

from gwms_async import Outcome, OutcomeStatus, Webhook
from gwms_async.chain import Call
from gwms_async.registration.bulk import register_many

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, refused, specs

S = OutcomeStatus
T = TypeVar("T")


def adopt_and_create(
    change: Callable[[FakeGateway, Webhook], None] = lambda *_: None, *, active: bool = True, **options: object
) -> tuple[FakeGateway, list[Outcome], list[Outcome]]:
    """Register one webhook that is there and one that is not.

    Args:
        change: Called after the create, with the gateway and the webhook that was there.
        active: Whether that is active.
        options: Those of the gateway.

    Returns:
        The gateway, the outcomes of both, and all outcomes as they became known.
    """
    told: list[Outcome] = []

    async def main() -> tuple[FakeGateway, list[Outcome], list[Outcome]]:
        gateway, wanted = FakeGateway(**options), specs(2)  # type: ignore[arg-type]
        before = gateway.add(evolve(wanted[0], active=active))

        def answer(created: Webhook) -> Webhook:
            change(gateway, before)
            return created

        gateway.answer = answer
        report = await register_many(gateway.coordinator(), wanted, concurrency=1, on_outcome=told.append)
        return gateway, list(report.outcomes), told

    return virtual_loop.run(main())


def remove(gateway: FakeGateway, webhook: Webhook) -> None:
    """Delete a webhook."""
    del gateway.webhooks[webhook.id]


def deactivate(gateway: FakeGateway, webhook: Webhook) -> None:
    """Deactivate a webhook."""
    gateway.webhooks[webhook.id] = evolve(webhook, active=False)


def rename(gateway: FakeGateway, webhook: Webhook) -> None:
    """Give a webhook another URL."""
    gateway.webhooks[webhook.id] = evolve(webhook, url="https://shop.example/renamed")


def hide(gateway: FakeGateway, webhook: Webhook) -> None:
    """Let the next list leave a webhook out."""
    gateway.stale = [other for other in gateway.webhooks.values() if other.id != webhook.id]


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("change", [remove, rename])
def test_a_create_that_drives_out_what_was_adopted(
    change: Callable[[FakeGateway, Webhook], None], active: bool
) -> None:
    """The gateway keeps one webhook per event type, say: the report does not call the other one there."""
    gateway, (adopted, created), told = adopt_and_create(change, active=active)

    assert (adopted.status, adopted.webhook) == (S.FAILED, None)
    assert "webhook 1 is gone by the end of the run" in str(adopted.error)
    assert created == told[1]
    assert not created.is_failure
    assert [outcome.status for outcome in told] == [S.EXISTING if active else S.UPDATED, S.CREATED, S.FAILED]
    assert gateway.count("delete") == 0


@pytest.mark.parametrize("change", [remove, deactivate])
def test_another_copy_than_the_adopted_one_stays(change: Callable[[FakeGateway, Webhook], None]) -> None:
    """Another client has kept another one: that is the webhook, and nothing has failed."""

    def keep_another(gateway: FakeGateway, webhook: Webhook) -> None:
        change(gateway, webhook)
        gateway.add(webhook.spec)

    gateway, (adopted, _), told = adopt_and_create(keep_another)

    assert (adopted.status, adopted.webhook, adopted.error) == (S.EXISTING, gateway.webhooks[3], None)
    assert adopted.copies == (() if change is remove else (1,))
    assert told[2] == adopted
    assert [operation for operation, _ in gateway.journal][:3] == ["list", "create", "list"]
    assert gateway.count("delete") == 0


def test_another_copy_than_the_one_that_was_activated_stays() -> None:
    """It was active before: the report does not call it updated."""

    def keep_another(gateway: FakeGateway, webhook: Webhook) -> None:
        remove(gateway, webhook)
        gateway.add(evolve(webhook.spec, active=True))

    gateway, (adopted, _), _ = adopt_and_create(keep_another, active=False)

    assert (adopted.status, adopted.webhook) == (S.EXISTING, gateway.webhooks[3])


def test_another_copy_stays_that_lists_do_not_show_yet() -> None:
    """The first list showed it as a copy, in the other state."""

    async def main() -> tuple[FakeGateway, list[Outcome]]:
        gateway, wanted = FakeGateway(), specs(2)
        lowest = gateway.add(evolve(wanted[0], active=False))
        adopted = gateway.add(wanted[0])

        def answer(created: Webhook) -> Webhook:
            gateway.webhooks[lowest.id] = evolve(lowest, active=True)
            remove(gateway, adopted)
            gateway.stale = [created]
            return created

        gateway.answer = answer
        report = await register_many(gateway.coordinator(), wanted, concurrency=1)
        return gateway, list(report.outcomes)

    gateway, (adopted, created) = virtual_loop.run(main())

    assert (adopted.status, adopted.webhook, adopted.copies) == (S.EXISTING, gateway.webhooks[1], ())
    assert not adopted.is_failure
    assert not created.is_failure


def test_no_copy_stays() -> None:
    """The one that the list shows is gone, too."""

    def show_another(gateway: FakeGateway, webhook: Webhook) -> None:
        remove(gateway, webhook)
        gateway.stale = [evolve(webhook, id=7), *gateway.webhooks.values()]

    _, (adopted, _), _ = adopt_and_create(show_another)

    assert (adopted.status, adopted.webhook) == (S.FAILED, None)
    assert "webhook 1 is gone" in str(adopted.error)


def test_a_list_that_shows_another_copy_leaves_nothing_out() -> None:
    """A later run would adopt that copy, and not create the webhook again."""

    def show_another(gateway: FakeGateway, webhook: Webhook) -> None:
        gateway.add(webhook.spec)
        hide(gateway, webhook)

    _, (adopted, _), told = adopt_and_create(show_another)

    assert (adopted.status, adopted.error) == (S.EXISTING, None)
    assert len(told) == 2


def test_what_another_client_has_just_created_is_read_again() -> None:
    """Lists and reads come from replicas, which take seconds to show it: it is not gone."""
    gateway, outcomes, told = adopt_and_create(hide, ids=count(2, -1), get_lag=2.0)

    assert outcomes == told
    assert not any(outcome.is_failure for outcome in outcomes)
    assert gateway.count("get") == 3


class OneActive(FakeGateway):
    """Lets one webhook be active: activating another switches it off."""

    async def handle(self, call: Call, operation: str, subject: object, act: Callable[[], T]) -> T:
        """Carry one request."""
        if operation == "activate":
            self.webhooks = {number: evolve(other, active=False) for number, other in self.webhooks.items()}
        return await super().handle(call, operation, subject, act)


def test_a_create_that_switches_off_what_was_adopted() -> None:
    """The gateway lets so many be active, say."""
    _, (adopted, _), _ = adopt_and_create(deactivate)

    assert adopted.status is S.FAILED
    assert adopted.webhook is not None
    assert not adopted.webhook.active
    assert "webhook 1 is inactive by the end of the run" in str(adopted.error)
    assert adopted.attempts == 1


def test_lists_that_leave_out_what_was_adopted() -> None:
    """It is there; but the list shows later ones, so it is not one that lags."""
    _, (adopted, _), _ = adopt_and_create(hide)

    assert adopted.status is S.EXISTING
    assert "webhook 1 exists, but lists show later ones, up to 2" in str(adopted.error)


def test_lists_that_leave_out_what_was_just_activated() -> None:
    """They may lag behind the change."""
    _, (adopted, _), _ = adopt_and_create(hide, active=False)

    assert (adopted.status, adopted.error) == (S.UPDATED, None)


class Newest(FakeGateway):
    """Lists the newest webhook, without a word about the others."""

    def listed(self) -> list[Webhook]:
        """Return what a list shows now."""
        return super().listed()[-1:]


def test_what_was_adopted_and_lists_leave_out_is_not_created_again() -> None:
    """The client has found it by its id, and reads that again whenever it registers it."""

    async def main() -> None:
        gateway, wanted = Newest(), specs(2)
        gateway.add(wanted[0])
        coordinator = gateway.coordinator()
        await register_many(coordinator, wanted, concurrency=1)
        await asyncio.sleep(900)

        report = await register_many(coordinator, wanted, concurrency=1)

        assert report.counts == {S.EXISTING: 2}
        assert len(gateway.webhooks) == 2

    virtual_loop.run(main())


def show_a_page(gateway: FakeGateway, webhook: Webhook) -> None:
    """Let the next list show what was created, and nine others, in place of a webhook."""
    created = gateway.webhooks[webhook.id - 1]
    others = [evolve(webhook, id=-number, url=f"https://other.example/{number}") for number in range(9)]
    gateway.stale = [created, *others]


def show_inactive(gateway: FakeGateway, webhook: Webhook) -> None:
    """Let the next list show a webhook as it was once."""
    gateway.stale = [*gateway.webhooks.values()]
    gateway.stale[0] = evolve(webhook, active=False)


@pytest.mark.parametrize("change", [hide, show_inactive, show_a_page])
def test_lists_that_lag_behind_what_was_adopted(change: Callable[[FakeGateway, Webhook], None]) -> None:
    """It is read by its id, and is there as it should be."""
    gateway, outcomes, told = adopt_and_create(change, ids=count(2, -1))

    assert outcomes == told
    assert [outcome.status for outcome in outcomes] == [S.EXISTING, S.CREATED]
    assert not any(outcome.is_failure for outcome in outcomes)
    assert gateway.count("get") == 1


def test_the_last_list_counts() -> None:
    """The one before shows nothing yet."""
    gateway, outcomes, told = adopt_and_create(lambda gateway, _: setattr(gateway, "stale", []))

    assert outcomes == told
    assert [operation for operation, _ in gateway.journal] == ["list", "create", "list", "list"]


def test_what_was_adopted_cannot_be_read() -> None:
    """The outcome has the error."""
    _, (adopted, _), _ = adopt_and_create(hide, faults={"get": [Fault(refused)]})

    assert adopted.status is S.EXISTING
    assert str(adopted.error) == str(refused())


def test_what_stays_as_it_is_costs_nothing() -> None:
    """Two lists and the create."""
    gateway, outcomes, told = adopt_and_create()

    assert outcomes == told
    assert [operation for operation, _ in gateway.journal] == ["list", "create", "list"]
