"""Go through all that may happen in a scenario, up to a number of unusual choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

Choose = Callable[[int], int]
"""Takes the number of possibilities, and returns which one it is; 0 is the usual one."""


def explore(scenario: Callable[[Choose], T], unusual: int) -> Iterator[tuple[tuple[int, ...], T]]:
    """Run a scenario again and again, each time with other choices; yield these, and what it returned.

    Args:
        scenario: Runs to its end, always alike for the same choices.
        unusual: How many choices other than 0 there may be in a run.
    """
    planned: list[tuple[tuple[int, ...], int]] = [((), unusual)]
    while planned:
        choices, left = planned.pop()
        numbers: list[int] = []

        def choose(possibilities: int, choices: tuple[int, ...] = choices, numbers: list[int] = numbers) -> int:
            place = len(numbers)
            numbers.append(possibilities)
            return choices[place] if place < len(choices) else 0

        yield choices, scenario(choose)
        for place in range(len(choices), len(numbers)) if left else ():
            usual = (0,) * (place - len(choices))
            planned += [((*choices, *usual, other), left - 1) for other in range(1, numbers[place])]
