"""The emulator against the contract: valid and invalid cases made by schemathesis, and sequences of them.

No check of schemathesis is excluded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from types import ModuleType
from typing import Any

import pytest

from gwms_async import HttpMethod, WebhookType
from gwms_async.testing import GwmsEmulator

from ..helpers.contract import CREATE, DELETE, OF_ONE, OPERATIONS
from ..helpers.emulated import CONTRACT_SEED
from ..helpers.slow import first

FEW, MANY = 12, 400
"""Examples drawn for an operation, beside the cases that cover its parameters one by one."""


@pytest.fixture
def cases() -> ModuleType:
    """Load what makes the cases, only where tests use it."""
    pytest.importorskip("schemathesis", reason="it comes with the dependency group contract")
    from ..helpers import contract_cases  # noqa: PLC0415

    return contract_cases


@pytest.fixture
def access(cases: ModuleType, gwms_emulator: GwmsEmulator) -> Iterator[Any]:
    """Access to an emulator with a few webhooks; prints how many cases there were."""
    for number in range(3):
        gwms_emulator.add_webhook(f"https://shop.example/{number}", "CREATE_ORDER")
    yield cases.log_in(gwms_emulator)
    seen = Counter((exchange.operation, exchange.status) for exchange in gwms_emulator.requests)
    print(f"seed {CONTRACT_SEED}: {seen.total()} requests: {dict(seen)}")  # noqa: T201  # shown by -rP


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation(operation: str, cases: ModuleType, access: Any) -> None:
    """Valid requests are carried out, invalid ones refused; every answer is in the contract."""
    cases.check_operation(access, operation, FEW)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_at_length(operation: str, cases: ModuleType, access: Any) -> None:
    """The same with many more cases."""
    cases.check_operation(access, operation, MANY)


def test_sequences_of_operations(cases: ModuleType, access: Any) -> None:
    """Following the links from a create, a deleted webhook is answered 404; no other is lost."""
    seen = cases.walk(access, 6, 12)

    assert {(name, 200, False) for name in (*OF_ONE, DELETE, CREATE)} <= seen
    assert not {one for one in seen if one[1:] == (200, True)}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sequences_of_operations_at_length(cases: ModuleType, access: Any) -> None:
    """The same on many more walks, so that each operation also meets a deleted webhook."""
    seen = cases.walk(access, 100, 20)

    operations = (*OF_ONE, DELETE)
    assert {(name, 404, True) for name in operations} | {(name, 200, False) for name in operations} <= seen
    assert not {one for one in seen if one[1:] == (200, True)}


@pytest.mark.parametrize("kinds", first(1, [list(WebhookType)[: len(HttpMethod)], list(WebhookType)]), ids=len)
def test_the_life_of_a_webhook(cases: ModuleType, access: Any, kinds: list[WebhookType]) -> None:
    """From create to delete, and after it: every answer is in the contract, for all methods and event types."""
    call, schema = cases.call, cases.load()
    one, all_ = schema["/webhooks/{id}"], schema["/webhooks"]
    stop, start = schema["/webhooks/{id}/deactivate"]["PUT"], schema["/webhooks/{id}/activate"]["PUT"]
    for kind, method in zip(kinds, cycle(HttpMethod), strict=False):
        body = {"url": "https://shop.example/h", "webhookType": kind.value, "active": True, "method": method.value}
        other = {**body, "url": "https://shop.example/other"}
        hook = call(access, all_["POST"], 200, body=body)
        where = {"path_parameters": {"id": hook["id"]}}
        assert call(access, one["GET"], 200, **where) == hook
        assert call(access, one["PUT"], 200, body=other, **where) == {**hook, **other}
        assert not call(access, stop, 200, **where)["active"]
        assert call(access, start, 200, **where) == {**hook, **other}
        assert isinstance(call(access, one["DELETE"], 200, **where), str)
        assert call(access, one["PUT"], 404, body=other, **where) is None
        for operation in (one["GET"], stop, start, one["DELETE"]):
            assert call(access, operation, 404, **where) is None
    assert len(call(access, all_["GET"], 200)) == 3
