"""The receiver made from the environment, the parameter types of its URLs, and ``gwms secret``."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import ConfigurationError, WebhookType
from ..receiving import Delivery, Receiver
from ..receiving.receiver import SECRET_VARIABLE
from ..receiving.take import DeliveryHandler
from ..receiving.urls import checked_base, checked_label
from .problems import RefusedError


@click.command()
def secret() -> None:
    """Print a random secret for the URLs of webhooks.

    Set GWMS_WEBHOOK_SECRET to it, for the receiver and for commands. It has 256 bits.
    """
    click.echo(secrets.token_urlsafe(32))


async def _ignore(_: Delivery) -> None:
    """Do nothing."""


def receiver_of(*event_types: WebhookType, handler: DeliveryHandler = _ignore, or_random: bool = False) -> Receiver:
    """Return a receiver with the secrets of the environment; `or_random`, with a random one if that has none.

    Raises:
        RefusedError: The secret is missing or invalid.
    """
    try:
        is_random = or_random and not os.environ.get(SECRET_VARIABLE)
        receiver = Receiver(secrets.token_urlsafe(32)) if is_random else Receiver.from_env()
    except ConfigurationError as error:
        raise RefusedError(f"{error}; `gwms secret` prints a good one") from None
    receiver.on(*event_types)(handler)
    return receiver


class Checked(click.ParamType[Any]):
    """The type of a parameter that `read` reads; its `ValueError` is a usage error. Shells complete the `values`."""

    def __init__(self, name: str, read: Callable[[str], Any], values: Iterable[str] = ()) -> None:
        self.name, self._read, self._values = name, read, values

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a value."""
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, _: object, __: object, incomplete: str) -> list[CompletionItem]:
        """Return the values that start with what has been typed."""
        return [CompletionItem(value) for value in self._values if value.startswith(incomplete.upper())]


EVENT_TYPE = Checked("event", WebhookType, WebhookType)
BASE_URL, LABEL = Checked("url", checked_base), Checked("label", checked_label)
