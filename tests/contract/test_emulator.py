"""The emulator against the contract: valid and invalid cases made by schemathesis, and sequences of them.

No check of schemathesis is excluded. What the contract leaves open is added to the copies that are loaded here:
400 for invalid requests, links from each webhook that is answered, and the bounds of an id.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from itertools import cycle
from typing import Any

import hypothesis
import pytest
from attrs import frozen
from hypothesis import HealthCheck

pytest.importorskip("schemathesis", reason="it comes with the dependency group contract")

import requests
import schemathesis
from schemathesis.generation.meta import negated_parameters
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.schemas import OpenApiSchema

from gwms_async import HttpMethod, WebhookType
from gwms_async.testing import GwmsEmulator
from gwms_async.testing.state import WebhookTable

from ..helpers.contract_checker import PATH
from ..helpers.emulated import CONTRACT_SEED

FEW, MANY = 12, 400
_LARGEST_ID = 10**18 - 1  # ids are of 64 bits at most; longer ones are refused as no ids
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorMessageResponse"}}}
_ID = "$response.body#/data/id"
_OF_ONE = ("v21_getWebhook", "v21_putWebhook", "v21_putWebhookDeactivate", "v21_putWebhookActivate")
_DELETE = "v21_deleteWebhook"
_SETTINGS = hypothesis.settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def load(examples: int) -> OpenApiSchema:
    """Load a copy of the contract, completed where it leaves something open."""
    contract = json.loads(PATH.read_text())
    for path in contract["paths"].values():
        for operation in path.values():
            operation["responses"]["400"] = {"description": "Bad request", "content": _ERROR}
            for parameter in operation["parameters"]:
                if parameter.get("name") == "id":
                    parameter["schema"].update(minimum=-_LARGEST_ID, maximum=_LARGEST_ID)
            if operation["operationId"] in {"v21_postWebhooks", *_OF_ONE}:
                operation["responses"]["200"]["links"] = _links(_ID, *_OF_ONE, _DELETE)
            if operation["operationId"] == _DELETE:
                operation["responses"]["200"]["links"] = _links("$request.path.id", *_OF_ONE, _DELETE)
    config = {"seed": CONTRACT_SEED, "generation": {"max-examples": examples, "database": "none"}}
    return from_dict(contract, config=schemathesis.Config.from_dict(config))


def _links(webhook_id: str, *operations: str) -> dict[str, object]:
    return {name: {"operationId": name, "parameters": {"id": webhook_id}} for name in operations}


SHORT, LONG = load(FEW), load(MANY)


@frozen
class Access:
    """An emulator and the headers that authenticate."""

    gateway: GwmsEmulator
    headers: dict[str, str]

    def options_for(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
        """Authenticate a case, except for headers that it lacks or falsifies on purpose."""
        wrong = {name.lower() for name, _ in negated_parameters(case.meta)}
        right = {name.lower() for name in case.headers or {}} - wrong
        headers = {name: value for name, value in self.headers.items() if name in right}
        return {"base_url": self.gateway.base_url, "headers": headers}


@pytest.fixture
def access(gwms_emulator: GwmsEmulator) -> Iterator[Access]:
    """Access to an emulator with a few webhooks; prints how many cases there were."""
    username, password, api_key = gwms_emulator.credentials
    login = {"username": username, "password": password}
    answer = requests.post(f"{gwms_emulator.base_url}/users/login", json=login, timeout=10).json()
    for number in range(3):
        gwms_emulator.add_webhook(f"https://shop.example/{number}", "CREATE_ORDER")
    headers = {"authorization": f"Bearer {answer['data']['token']}", "x-api-key": api_key}
    yield Access(gwms_emulator, headers)
    seen = Counter((exchange.operation, exchange.status) for exchange in gwms_emulator.requests)
    print(f"seed {CONTRACT_SEED}: {seen.total()} requests: {dict(seen)}")  # noqa: T201  # shown by -rP


@SHORT.parametrize()
@_SETTINGS
def test_each_operation(case: schemathesis.Case[Any], access: Access) -> None:
    """Valid requests are carried out, invalid ones refused; every answer is in the contract."""
    case.call_and_validate(**access.options_for(case))


@pytest.mark.slow
@pytest.mark.timeout(600)
@LONG.parametrize()
@_SETTINGS
def test_each_operation_at_length(case: schemathesis.Case[Any], access: Access) -> None:
    """The same with many more cases."""
    case.call_and_validate(**access.options_for(case))


def walk(schema: OpenApiSchema, access: Access, scenarios: int, steps: int) -> set[tuple[str, int, bool]]:
    """Follow links at random, and return which operations got which answers, for webhooks deleted or not."""
    seen: set[tuple[str, int, bool]] = set()

    class Walk(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            # Every walk starts from the same state, ids included, so that it can be repeated.
            access.gateway._gateway.webhooks = WebhookTable()
            self.gone: set[object] = set()

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return access.options_for(case)

        def after_call(self, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
            name, number = case.operation.definition.raw["operationId"], (case.path_parameters or {}).get("id")
            seen.add((name, response.status_code, number in self.gone))
            if name == _DELETE and response.status_code == HTTPStatus.OK:
                self.gone.add(number)

    settings = hypothesis.settings(
        _SETTINGS, max_examples=scenarios, stateful_step_count=steps, database=None, phases=[hypothesis.Phase.generate]
    )
    hypothesis.seed(CONTRACT_SEED)(Walk).run(settings=settings)
    return seen


def test_sequences_of_operations(access: Access) -> None:
    """Following the links from a create, a deleted webhook is answered 404; no other is lost."""
    seen = walk(SHORT, access, 12, 12)

    assert {(name, 200, False) for name in (*_OF_ONE, _DELETE, "v21_postWebhooks")} <= seen
    assert not {one for one in seen if one[1:] == (200, True)}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sequences_of_operations_at_length(access: Access) -> None:
    """The same on many more walks, so that each operation also meets a deleted webhook."""
    seen = walk(LONG, access, 100, 20)

    operations = (*_OF_ONE, _DELETE)
    assert {(name, 404, True) for name in operations} | {(name, 200, False) for name in operations} <= seen
    assert not {one for one in seen if one[1:] == (200, True)}


def test_the_life_of_a_webhook(access: Access) -> None:
    """From create to delete, and after it: every answer is in the contract, for all event types."""
    one, all_ = SHORT["/webhooks/{id}"], SHORT["/webhooks"]
    stop, start = SHORT["/webhooks/{id}/deactivate"]["PUT"], SHORT["/webhooks/{id}/activate"]["PUT"]
    for kind, method in zip(WebhookType, cycle(HttpMethod), strict=False):
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


def call(access: Access, operation: Any, status: int, **options: Any) -> Any:
    """Make one call, validate its answer, and return its data."""
    case = operation.Case(**options, **({"media_type": "application/json"} if "body" in options else {}))
    response = case.call_and_validate(base_url=access.gateway.base_url, headers=access.headers)
    assert response.status_code == status
    return response.json().get("data")
