"""What a client remembers of its writes: for a minute, by id, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from attrs import evolve

from gwms_async import HttpMethod, Webhook, WebhookType
from gwms_async.clock import Clock
from gwms_async.registration.memory import Memory
from gwms_async.registration.snapshot import Snapshot


class HandClock:
    """Time that passes by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def hook(number: int, url: str = "https://shop.example/", *, active: bool = True) -> Webhook:
    """Make a webhook."""
    return Webhook(number, url, WebhookType.CREATE_ORDER, active=active, method=HttpMethod.POST)


def disputed(memory: Memory, *listed: Webhook, of: Webhook | None = None) -> list[int]:
    """Return the ids about which a list and the memory disagree."""
    identity = (of or hook(1)).identity
    return memory.disputed(identity, Snapshot.of(0.0, listed).copies(identity))


def test_a_list_that_shows_what_was_written_is_not_disputed() -> None:
    """Nor is one about which nothing is remembered."""
    memory = Memory(Clock(HandClock()))
    assert disputed(memory, hook(1)) == []

    memory.note_registered(hook(1), hook(1).spec)

    assert disputed(memory, hook(1), hook(2)) == []


def test_a_list_that_shows_something_else_is_disputed() -> None:
    """It lacks what was created, shows what was deleted, another state, or another identity."""
    memory = Memory(Clock(HandClock()))
    memory.note_registered(hook(1), hook(1).spec)
    memory.note_deleted(2)
    memory.note_changed(hook(3, active=False))
    memory.note_changed(hook(4, "https://shop.example/moved"))

    assert disputed(memory, hook(2), hook(3), hook(4)) == [2, 3, 4, 1]
    assert disputed(memory, hook(1), hook(3, active=False)) == []
    assert disputed(memory, hook(4), of=hook(4, "https://shop.example/moved")) == [4]


def test_a_list_that_contradicts_itself_is_disputed() -> None:
    """A webhook that is active and yet unregistered, unless it was registered again, or this client wrote it so."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    memory = Memory(Clock(HandClock()))
    memory.note_changed(hook(4))

    assert disputed(
        memory,
        evolve(hook(1), unregistered_at=noon),
        evolve(hook(2), unregistered_at=noon, registered_at=noon - timedelta(hours=1)),
        evolve(hook(3), unregistered_at=noon, registered_at=noon + timedelta(hours=1)),
        evolve(hook(4), unregistered_at=noon),
        evolve(hook(5, active=False), unregistered_at=noon),
    ) == [1, 2]


def test_a_write_that_may_have_been_carried_out_is_disputed() -> None:
    """Whatever a list shows, for a minute, or until the next write; it counts as neither done nor not done."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    memory.note_changed(hook(1))
    for number in (1, 2, 3):
        memory.note_uncertain(number)
    memory.note_deleted(3)

    assert disputed(memory, hook(1), hook(2), hook(3)) == [1, 2, 3]
    assert disputed(memory) == [1]
    assert [memory.is_deleted(number) for number in (1, 2, 3)] == [False, False, True]
    assert not any(memory.wrote(number) for number in (1, 2, 3))
    assert [memory.contradicts_write(number, hook(number)) for number in (1, 2)] == [True, True]
    assert [memory.contradicts_write(number, None) for number in (1, 2)] == [True, True]

    clock.now += 8.9  # it may be carried out three seconds later, and reads may lag by six
    assert memory.contradicts_write(1, hook(1))
    clock.now += 0.2
    assert not memory.contradicts_write(1, hook(1))
    clock.now += 60
    assert disputed(memory, hook(1), hook(2)) == []


def test_an_update_that_may_have_been_carried_out_is_found_by_both_identities() -> None:
    """By the last of those that were sought, so that an update that always fails does not fill the memory."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    first, second = hook(1, url="https://shop.example/1"), hook(1, url="https://shop.example/2")
    memory.note_changed(hook(1))
    memory.note_uncertain(1, first.spec)
    memory.note_uncertain(1, second.spec)
    memory.note_uncertain(1)

    assert [memory.disputed(one.identity, ()) for one in (hook(1), first, second)] == [[1], [], [1]]

    memory.note_uncertain(1, hook(1).spec)
    assert [memory.disputed(one.identity, ()) for one in (hook(1), second)] == [[1], []]

    memory.note_uncertain(1, second.spec)
    assert [memory.disputed(one.identity, ()) for one in (hook(1), second)] == [[1], [1]]

    memory.note_changed(first)
    assert [memory.disputed(one.identity, ()) for one in (hook(1), first)] == [[], [1]]

    clock.now += 67
    assert memory.disputed(first.identity, ()) == []


def test_whether_a_webhook_is_the_only_one_of_its_identity() -> None:
    """Others of the same identity that were written count, others of the gateway do not."""
    memory = Memory(Clock(HandClock()))
    assert memory.wrote_no_other(hook(1).identity, 1)
    memory.note_created(hook(1))
    assert memory.wrote_no_other(hook(1).identity, 1)
    memory.note_created(hook(2))
    assert not memory.wrote_no_other(hook(1).identity, 1)


def test_a_minute_later_nothing_is_remembered() -> None:
    """Each write counts by itself, and what is older is dropped."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    memory.note_registered(hook(1), hook(1).spec)
    clock.now += 40
    memory.note_created(hook(2))
    clock.now += 21

    assert disputed(memory) == [2]
    assert not memory.is_open(1)
    assert memory.is_direct(2)

    assert list(memory._writes) == [2]
    assert list(memory._ids.values()) == [(2,)]

    clock.now += 40
    memory.forget()
    assert [len(kept) for kept in (memory._writes, memory._ids)] == [0, 0]


def test_what_a_registration_created_is_open_until_it_is_closed() -> None:
    """Also after it was (de)activated; what `create` made is not open, and says so."""
    memory = Memory(Clock(HandClock()))
    memory.note_registered(hook(1), hook(1).spec)
    memory.note_created(hook(2))
    memory.note_changed(hook(1, active=False))
    memory.note_changed(evolve(hook(2), active=False))

    assert (memory.is_open(1), memory.is_direct(1)) == (True, False)
    assert (memory.is_open(2), memory.is_direct(2)) == (False, True)

    memory.note_closed(1)
    memory.note_closed(99)

    assert not memory.is_open(1)


def test_an_id_that_is_given_again() -> None:
    """Another client has deleted what `create` made: the webhook that has its id now is a registration's."""
    memory = Memory(Clock(HandClock()))
    memory.note_created(hook(1))
    memory.note_registered(hook(1), hook(1).spec)

    assert (memory.is_open(1), memory.is_direct(1)) == (True, False)


def test_what_is_created_in_another_spelling_is_remembered_as_it_is() -> None:
    """Else a list that shows it so would be disputed."""
    memory = Memory(Clock(HandClock()))
    moved = hook(1, "https://shop.example/moved")

    memory.note_registered(moved, hook(1).spec)

    assert disputed(memory) == []
    assert disputed(memory, moved, of=moved) == []
    assert disputed(memory, of=moved) == [1]


def test_a_deleted_webhook_is_deleted() -> None:
    """Whatever was written before."""
    memory = Memory(Clock(HandClock()))
    memory.note_registered(hook(1), hook(1).spec)
    assert not memory.is_deleted(1)

    memory.note_deleted(1)

    assert memory.is_deleted(1)
    assert not memory.is_open(1)
    assert disputed(memory) == []


def test_what_no_list_shows_is_remembered_until_one_does() -> None:
    """However long that takes, and for a minute more; or until it is deleted."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    for number in (1, 2, 3):
        memory.note_unlisted(hook(number))
    clock.now += 3600

    memory.note_listed([hook(1)])
    assert sorted(disputed(memory)) == [2, 3]
    memory.note_deleted(2)
    assert sorted(disputed(memory)) == [3]
    memory.note_listed([hook(3)])
    clock.now += 61
    assert disputed(memory) == []


def test_what_no_list_shows_keeps_nothing_else() -> None:
    """What was written after it is forgotten as usual."""
    now = HandClock()
    memory = Memory(Clock(now))
    memory.note_unlisted(hook(1))
    memory.note_changed(hook(2))

    now.now += 61

    assert (memory.wrote(1), memory.wrote(2)) == (True, False)


def test_what_no_list_shows_was_not_written_just_now() -> None:
    """Hours later, what `get` then shows is not taken for what a replica still shows."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    memory.note_unlisted(hook(1))
    assert memory.contradicts_write(1, None)
    clock.now += 3600

    assert disputed(memory) == [1]
    assert not memory.contradicts_write(1, None)
    assert not memory.contradicts_write(1, hook(1, active=False))


def test_no_more_than_a_thousand_are_remembered_for_longer() -> None:
    """Of what no list shows."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    for number in range(1001):
        memory.note_unlisted(hook(number))
    clock.now += 61

    assert sorted(disputed(memory)) == [*range(1, 1001)]


def test_a_later_doubt_keeps_nothing_else() -> None:
    """Writes are forgotten in the order of the last that is known of each."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    for number in (1, 2):
        memory.note_registered(hook(number), hook(number).spec)
    clock.now += 50
    memory.note_uncertain(1)
    clock.now += 11

    assert [memory.is_open(number) for number in (1, 2)] == [True, False]


def test_an_update_in_doubt_is_forgotten_with_its_url() -> None:
    """After a minute no list is disputed because of it, and nothing of it is kept."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    sought = hook(1, "https://shop.example/sought")
    memory.note_uncertain(1, sought.spec)
    assert disputed(memory, of=sought) == [1]

    clock.now += 61

    assert disputed(memory, of=sought) == []


def test_an_unlisted_webhook_that_was_deleted_is_forgotten() -> None:
    """No list will show it: it is kept no longer than other writes."""
    clock = HandClock()
    memory = Memory(Clock(clock))
    memory.note_unlisted(hook(1))
    memory.note_deleted(1)

    clock.now += 61

    assert not memory.is_deleted(1)
