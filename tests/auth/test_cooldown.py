"""The pause after a refusal."""

from __future__ import annotations

import pytest

from gwms_async import ConfigurationError
from gwms_async.auth.cooldown import Cooldown
from gwms_async.chain import CallAborted

ERROR = ConfigurationError("refused")


def test_nothing_is_held_back_at_first() -> None:
    """There is no pause before the first refusal."""
    cooldown = Cooldown()

    cooldown.check(0.0)

    assert not cooldown.is_on(0.0)
    assert cooldown.next_seconds() == 60.0


def test_calls_get_a_copy_of_the_error() -> None:
    """Each one its own, until the pause is over."""
    cooldown = Cooldown()
    cooldown.begin(1000.0, ERROR)

    with pytest.raises(CallAborted) as caught:
        cooldown.check(1059.9)

    assert (type(caught.value.error), str(caught.value.error)) == (ConfigurationError, "refused")
    assert caught.value.error is not ERROR
    assert cooldown.is_on(1059.9)
    assert not cooldown.is_on(1060.0)
    cooldown.check(1060.0)


def test_each_further_refusal_doubles_the_pause() -> None:
    """Up to a quarter of an hour."""
    cooldown, now, seconds = Cooldown(), 0.0, []
    for _ in range(6):
        cooldown.begin(now, ERROR)
        seconds.append(cooldown.seconds)
        now = cooldown.until

    assert seconds == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_a_pause_that_the_gateway_asks_for() -> None:
    """It lasts as long as the gateway asks, up to 15 minutes, and does not count as a refusal."""
    cooldown = Cooldown()

    cooldown.pause_for(1000.0, 300.0, ERROR)
    assert cooldown.is_on(1299.9)
    assert not cooldown.is_on(1300.0)
    cooldown.pause_for(1000.0, 1e9, ERROR)

    assert (cooldown.until, cooldown.next_seconds()) == (1900.0, 60.0)


@pytest.mark.parametrize(("asked", "seconds"), [(0.0, 60.0), (59.0, 60.0), (300.0, 300.0), (1e9, 900.0)])
def test_a_refusal_that_asks_for_a_pause(asked: float, seconds: float) -> None:
    """It lasts as long as the gateway asks, up to 15 minutes; the next one is not longer for that."""
    cooldown = Cooldown()

    assert cooldown.next_seconds(asked) == seconds
    cooldown.begin(1000.0, ERROR, asked)

    assert (cooldown.until, cooldown.next_seconds()) == (1000.0 + seconds, 120.0)


def test_what_is_accepted_ends_the_pause() -> None:
    """The next refusal starts from a minute again."""
    cooldown = Cooldown()
    cooldown.begin(0.0, ERROR)
    cooldown.begin(60.0, ERROR)

    cooldown.end()
    cooldown.check(60.0)

    assert cooldown.next_seconds() == 60.0
