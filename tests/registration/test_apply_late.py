"""Plans whose deletions come long after they were made; in virtual time."""

from __future__ import annotations

import asyncio

from attrs import evolve

from gwms_async import OutcomeStatus
from gwms_async.registration.apply import apply
from gwms_async.registration.plan import make_plan

from ..helpers import virtual_loop
from ..helpers.fake_gateway import FakeGateway, Fault, refused, specs

S = OutcomeStatus


def test_what_has_changed_while_others_were_created_is_not_deleted() -> None:
    """A create that takes a minute: what is to be deleted is looked at again."""

    async def main() -> None:
        gateway, (spec, doomed, other) = FakeGateway(), specs(3)
        gateway.add(doomed)
        gateway.fail("create", Fault(takes=60.0))
        plan = make_plan([spec], gateway.listed(), lambda _: True)
        applying = asyncio.create_task(apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None))
        await asyncio.sleep(30)
        gateway.webhooks[1] = evolve(gateway.webhooks[1], url=other.url)

        created, kept = (await applying).outcomes

        assert created.status is S.CREATED
        assert kept.status is S.NOT_STARTED
        assert "it has changed since the plan was made" in str(kept.error)
        assert gateway.count("delete") == 0

    virtual_loop.run(main())


def test_a_list_that_fails_before_a_deletion() -> None:
    """It is the outcome's error, and nothing is deleted."""

    async def main() -> None:
        gateway, (spec, doomed) = FakeGateway(), specs(2)
        gateway.add(doomed)
        gateway.fail("create", Fault(takes=60.0))
        gateway.fail("list", Fault(), Fault(), Fault(), Fault(refused))
        plan = make_plan([spec], gateway.listed(), lambda _: True)

        _, kept = (await apply(gateway.coordinator(), plan, concurrency=1, force=False, on_outcome=None)).outcomes

        assert kept.status is S.FAILED
        assert str(refused()) == str(kept.error)
        assert gateway.count("delete") == 0

    virtual_loop.run(main())
