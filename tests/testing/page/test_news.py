"""What an open page has not seen yet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gwms_async.testing import DeliveryPolicy, GwmsEmulator, Status
from gwms_async.testing.page.news import Follower

from ...helpers.plain_client import Clock, logged_in


def read(event: str | None) -> tuple[str, dict[str, Any]]:
    """Return the name and the data of an event, whose id must be the number of the latest change."""
    assert event is not None
    lines = event.rstrip("\n").split("\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert list(fields) == ["id", "event", "data"]
    return fields["event"], json.loads(fields["data"])


async def test_everything_first_then_what_is_new(gateway: GwmsEmulator) -> None:
    """A row comes again once it has its answer; figures and switches come when they change."""
    follower = Follower(gateway._page.view, "", "")
    name, first = read(follower.next())
    assert (name, first["rows"], first["total"], first["kept"], first["webhooks"]["total"]) == ("reset", [], 0, 0, 0)
    assert first["samples"].keys() >= {"UPDATE_ORDER"}
    assert follower.next() is None

    async with logged_in(gateway) as client:
        await client.create()
    name, news = read(follower.next())
    assert (name, [row["what"] for row in news["rows"]], news["total"]) == ("news", ["create", "login"], 2)
    assert news["figures"] == {"calls": 2, "faults": 0, "failed": 0, "logins": 1}
    assert "webhooks" not in news  # so soon after the last news of them
    gateway.inject(Status(503))
    assert read(follower.next())[1].keys() == {"figures", "faults", "routes", "announcement"}
    gateway.route("*", "http://127.0.0.1:8000")
    assert read(follower.next())[1]["routes"] == {"*": "http://127.0.0.1:8000"}
    gateway.announce("half", 1, 2)
    assert read(follower.next())[1]["announcement"] == {"text": "half", "done": 1, "total": 2}
    assert follower.next() is None


async def test_webhooks_come_twice_a_second_at_most(gateway: GwmsEmulator) -> None:
    """There may be many, and many changes."""
    clock = Clock()
    follower = Follower(gateway._page.view, "", "", clock)
    follower.next()
    gateway.add_webhook("https://shop.example/", "CREATE_ORDER")
    assert follower.next() is None
    clock.now += 0.5
    assert read(follower.next())[1]["webhooks"]["total"] == 1
    clock.now += 0.5
    assert follower.next() is None
    gateway.remove_webhook(1)
    assert read(follower.next())[1]["webhooks"]["total"] == 0


async def test_who_comes_back_continues(gateway: GwmsEmulator) -> None:
    """After the last event it has seen; after one of another run it begins again."""
    async with logged_in(gateway) as client:
        await client.create()
        run = gateway._page.view.feed.run
        assert [row["id"] for row in read(Follower(gateway._page.view, "", f"{run}:2").next())[1]["rows"]] == [2]
        name, news = read(Follower(gateway._page.view, "", f"{run}:{gateway._page.view.feed.last}").next())
        assert (name, "rows" in news) == ("news", False)
        for last_id in ("0:2", f"{run}:99", f"{run}:", run, "x:1", "1:2:3"):
            name, everything = read(Follower(gateway._page.view, "", last_id).next())
            assert (name, len(everything["rows"])) == ("reset", 2)


async def test_a_filter(gateway: GwmsEmulator) -> None:
    """Only rows that contain all words come, also later; so does their number."""
    follower = Follower(gateway._page.view, "LIST 503 Fault", "")
    async with logged_in(gateway) as client:
        gateway.inject(Status(503), times=2)
        await client.statuses(2)
        assert [row["outcome"] for row in read(follower.next())[1]["rows"]] == ["503", "503"]
        gateway.inject(Status(503))
        await client.statuses(2)

    news = read(follower.next())[1]
    assert ([row["id"] for row in news["rows"]], news["total"]) == ([4], 3)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("api call", 1), ("Delivery", 2), ("attempt a7", 1), ("api delivery", 0), ("Failed", 2), ("fault", 0)],
)
async def test_the_words_of_a_row_are_found(text: str, rows: int) -> None:
    """Those that the page shows, and the names of the figures that count it."""
    async with GwmsEmulator(delivery_policy=DeliveryPolicy(repeats=(0.0,))) as gateway:
        gateway.add_webhook("http://127.0.0.1:1/", "UPDATE_ORDER")
        async with logged_in(gateway):
            gateway.emit("UPDATE_ORDER", {"eshopOrderId": "A7"})
            await gateway.delivered()

        assert len(gateway._page.view.all(text)["rows"]) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [299, 301])
async def test_the_newest_300(gateway: GwmsEmulator, count: int) -> None:
    """More than that are counted only."""
    gateway.add_webhook("https://shop.example/", "CREATE_ORDER", active=False)
    async with logged_in(gateway) as client:
        await client.statuses(count - 1)

    everything = gateway._page.view.all("")
    assert (len(everything["rows"]), everything["total"]) == (min(count, 300), count)  # type: ignore[arg-type]
