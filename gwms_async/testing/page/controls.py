"""The controls of the page. No I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..answering import Answering
from ..deliveries import Disturbance, Lose, Repeat
from ..faults import DropAfter, Fault, SlowBody, Status
from ..script import Script
from ..wire import ProblemError

T = TypeVar("T")

FAULTS: Mapping[str, Fault] = {
    "503": Status(503),
    "429": Status(429, retry_after="1"),
    "lost answer": DropAfter(),
    "slow": SlowBody(3.0),
}
DISTURBANCES: Mapping[str, Disturbance] = {"lost delivery": Lose(), "repeat": Repeat(2)}
_MAX_TIMES = 10_000


class Controls:
    """The forms and switches of the page; it changes the emulator, and the faults and disturbances that are due."""

    def __init__(self, emulator: Answering, faults: Script[Fault], disturbances: Script[Disturbance]) -> None:
        self._emulator, self._faults, self._disturbances = emulator, faults, disturbances
        self._actions: Mapping[str, Callable[[Mapping[str, object]], Mapping[str, object]]] = {
            "emit": self._emit,
            "again": self._send_again,
            "faults": self._set_fault,
            "webhooks": self._switch_webhook,
            "reset": self._reset,
        }

    def carry_out(self, action: str, body: bytes) -> Mapping[str, object]:
        """Carry out an action, and return what the page shows of its result.

        Raises:
            ProblemError: There is no such action, or it cannot be carried out.
        """
        if action not in self._actions:
            raise ProblemError(404, "There is no such action")
        fields = _read(body.decode(errors="replace"), "The body")
        return self._actions[action](fields)

    def left(self) -> Mapping[str, int]:
        """Return for each switch how many hits are still due."""
        faults = {name: self._faults.left_of(fault) for name, fault in FAULTS.items()}
        return faults | {name: self._disturbances.left_of(one) for name, one in DISTURBANCES.items()}

    def _emit(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        entity = _read(_field(fields, "entity", str), "The entity")
        try:
            return {"webhooks": self._emulator.emit(_field(fields, "event", str), entity)}
        except ValueError as error:
            raise ProblemError(400, str(error)) from None

    def _send_again(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        row = self._emulator.feed.rows.get(_field(fields, "row", int))
        if row is None or row.delivery is None:
            raise ProblemError(404, "This delivery is no longer kept")
        self._emulator.send_again(row.delivery)
        return {}

    def _set_fault(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        name, times = _field(fields, "name", str), _field(fields, "times", int)
        if not 0 <= times <= _MAX_TIMES:
            raise ProblemError(400, f"times must be from 0 to {_MAX_TIMES}")
        if fault := FAULTS.get(name):
            _replace(self._faults, fault, times)
        elif disturbance := DISTURBANCES.get(name):
            _replace(self._disturbances, disturbance, times)
        else:
            raise ProblemError(404, "There is no such switch")
        return {}

    def _switch_webhook(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        webhook_id, active = _field(fields, "id", int), _field(fields, "active", bool)
        if not self._emulator.switch_webhook(webhook_id, active=active):
            raise ProblemError(404, f"There is no webhook {webhook_id}")
        return {}

    def _reset(self, _: Mapping[str, object]) -> Mapping[str, object]:
        self._emulator.reset_failures()
        return {}


def _replace(script: Script[T], fault: T, times: int) -> None:
    script.remove(fault)
    if times:
        script.add(fault, None, times, 1)


def _read(text: str, what: str) -> Mapping[str, object]:
    try:
        content = json.loads(text)
    except RecursionError:
        raise ProblemError(400, f"{what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ProblemError(400, f"{what} is not JSON: see line {error.lineno}, column {error.colno}") from None
    except ValueError:  # a number with too many digits
        raise ProblemError(400, f"{what} is not JSON") from None
    if not isinstance(content, dict):
        raise ProblemError(400, f"{what} must be a JSON object")
    return content


def _field(fields: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = fields.get(name)
    if type(value) is not kind:  # a bool is no int here
        raise ProblemError(400, f"{name} must be {kind.__name__}")
    return value
