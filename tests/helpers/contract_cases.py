"""Cases that schemathesis makes from the contract, sent to an emulator; importing schemathesis takes a second.

What the contract leaves open is added to the copies that are loaded here: 400 for invalid requests, links from each
webhook that is answered, and the bounds of an id.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import hypothesis
import requests
import schemathesis
from attrs import frozen
from hypothesis import HealthCheck
from schemathesis.generation import derive_operation_seed
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.generation.meta import negated_parameters
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.schemas import OpenApiSchema

from gwms_async.testing import GwmsEmulator
from gwms_async.testing.state import WebhookTable

from .contract import CREATE, DELETE, OF_ONE, PATH
from .emulated import CONTRACT_SEED

_LARGEST_ID = 10**18 - 1  # ids are of 64 bits at most; longer ones are refused as no ids
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorMessageResponse"}}}
_ID = "$response.body#/data/id"
_SETTINGS = hypothesis.settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def load() -> OpenApiSchema:
    """Load a copy of the contract, completed where it leaves something open."""
    contract = json.loads(PATH.read_text())
    for path in contract["paths"].values():
        for operation in path.values():
            operation["responses"]["400"] = {"description": "Bad request", "content": _ERROR}
            for parameter in operation["parameters"]:
                if parameter.get("name") == "id":
                    parameter["schema"].update(minimum=-_LARGEST_ID, maximum=_LARGEST_ID)
            if operation["operationId"] in {CREATE, *OF_ONE}:
                operation["responses"]["200"]["links"] = _links(_ID, *OF_ONE, DELETE)
            if operation["operationId"] == DELETE:
                operation["responses"]["200"]["links"] = _links("$request.path.id", *OF_ONE, DELETE)
    return from_dict(contract, config=schemathesis.Config.from_dict({"seed": CONTRACT_SEED}))


def _links(webhook_id: str, *operations: str) -> dict[str, object]:
    return {name: {"operationId": name, "parameters": {"id": webhook_id}} for name in operations}


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


def log_in(gateway: GwmsEmulator) -> Access:
    """Give access to an emulator."""
    username, password, api_key = gateway.credentials
    login = {"username": username, "password": password}
    answer = requests.post(f"{gateway.base_url}/users/login", json=login, timeout=10).json()
    return Access(gateway, {"authorization": f"Bearer {answer['data']['token']}", "x-api-key": api_key})


def check_operation(access: Access, name: str, examples: int) -> None:
    """Send the cases of all kinds for an operation, beside examples drawn at random; validate each answer."""
    schema = load()
    operation = schema.find_operation_by_id(name)
    config = HypothesisTestConfig(
        project=schema.config,
        modes=list(HypothesisTestMode),
        explicit_settings=hypothesis.settings(_SETTINGS, max_examples=examples),
        seed=derive_operation_seed(CONTRACT_SEED, operation.label),
    )

    def check(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(**access.options_for(case))

    create_test(operation=operation, test_func=check, config=config)()


def walk(access: Access, scenarios: int, steps: int) -> set[tuple[str, int, bool]]:
    """Follow links at random, and return which operations got which answers, for webhooks deleted or not."""
    seen: set[tuple[str, int, bool]] = set()

    class Walk(load().as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            # Every walk starts from the same state, ids included, so that it can be repeated.
            access.gateway._gateway.webhooks = WebhookTable()
            self.gone: set[object] = set()

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return access.options_for(case)

        def after_call(self, response: schemathesis.Response, case: schemathesis.Case[Any]) -> None:
            name, number = case.operation.definition.raw["operationId"], (case.path_parameters or {}).get("id")
            seen.add((name, response.status_code, number in self.gone))
            if name == DELETE and response.status_code == HTTPStatus.OK:
                self.gone.add(number)

    phases = [hypothesis.Phase.generate]
    settings = hypothesis.settings(_SETTINGS, max_examples=scenarios, stateful_step_count=steps, phases=phases)
    hypothesis.seed(CONTRACT_SEED)(Walk).run(settings=settings)
    return seen


def call(access: Access, operation: Any, status: int, **options: Any) -> Any:
    """Make one call, validate its answer, and return its data."""
    case = operation.Case(**options, **({"media_type": "application/json"} if "body" in options else {}))
    response = case.call_and_validate(base_url=access.gateway.base_url, headers=access.headers)
    assert response.status_code == status
    return response.json().get("data")
