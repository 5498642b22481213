"""Gateways that carry requests out in their own way: no effect, the other state, pages."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from gwms_async.testing import GwmsEmulator, NoEffect, OtherState, Paged

from ..helpers.plain_client import HOOK, Clock, logged_in, plain

OTHER = {**HOOK, "url": "https://shop.example/2", "active": False}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/webhooks/1/activate", None),
        ("PUT", "/webhooks/1/deactivate", None),
        ("PUT", "/webhooks/1", OTHER),
        ("DELETE", "/webhooks/1", None),
    ],
)
@pytest.mark.parametrize("active", [True, False])
async def test_a_change_without_effect(
    gateway: GwmsEmulator, method: str, path: str, body: object, active: bool
) -> None:
    """It is answered like a success and shows the unchanged webhook; the next one has its effect."""
    before = gateway.add_webhook("https://shop.example/1", "CREATE_ORDER", active=active)
    async with logged_in(gateway) as client:
        gateway.inject(NoEffect())
        reply = await client.send(method, path, body)

        assert reply.status == 200
        assert reply.data == ("deleted" if method == "DELETE" else before.as_json())
        assert gateway.webhooks == [before]
        assert (await client.send("GET", "/webhooks/1")).data == before.as_json()

        await client.send("PUT", "/webhooks/1", OTHER)
        assert gateway.webhooks[0].url == OTHER["url"]


@pytest.mark.parametrize("active", [True, False])
async def test_a_switch_without_effect_that_is_echoed(active: bool) -> None:
    """The answer is that of a switch with effect; `get` shows what is so."""
    there, back = ("activate", "deactivate") if active else ("deactivate", "activate")
    async with GwmsEmulator(clock=Clock()) as gateway, logged_in(gateway) as client:
        gateway.add_webhook("https://shop.example/1", "CREATE_ORDER", active=not active)
        after = await client.send("PUT", f"/webhooks/1/{there}")
        before = await client.send("PUT", f"/webhooks/1/{back}")
        gateway.inject(NoEffect(echo=True))

        assert await client.send("PUT", f"/webhooks/1/{there}") == after
        assert (await client.send("GET", "/webhooks/1")).data == before.data


async def test_a_refusal_stays_a_refusal(gateway: GwmsEmulator) -> None:
    """Without a token, or for a webhook that does not exist, the answer is an error all the same."""
    gateway.inject(NoEffect(), times=3)
    async with plain(gateway) as client:
        assert (await client.send("DELETE", "/webhooks/1")).status == 401
        await client.log_in()
        assert (await client.send("DELETE", "/webhooks/1")).status == 404
        assert (await client.send("PUT", "/webhooks/1/activate")).status == 404


async def test_other_operations_have_their_effect(gateway: GwmsEmulator) -> None:
    """`NoEffect` does not change a create, a get or a list; `OtherState` changes only a create."""
    async with logged_in(gateway) as client:
        gateway.inject(NoEffect(), times=3)
        created = (await client.create()).data
        assert (await client.send("GET", "/webhooks/1")).data == created
        assert (await client.send("GET", "/webhooks")).data == [created]

        gateway.inject(OtherState())
        assert not (await client.send("PUT", "/webhooks/1", OTHER)).data["active"]


@pytest.mark.parametrize("active", [True, False])
async def test_a_create_is_stored_in_the_other_state(gateway: GwmsEmulator, active: bool) -> None:
    """The answer shows it as stored, and everything else as asked."""
    async with logged_in(gateway) as client:
        gateway.inject(OtherState())
        created = (await client.send("POST", "/webhooks", {**HOOK, "active": active})).data

    assert {name: created[name] for name in HOOK} == {**HOOK, "active": not active}
    assert [hook.as_json() for hook in gateway.webhooks] == [created]


async def test_an_invalid_create_is_refused_in_any_state(gateway: GwmsEmulator) -> None:
    """The gateway sees the body as it was sent."""
    async with logged_in(gateway) as client:
        gateway.inject(OtherState())
        assert (await client.send("POST", "/webhooks", {**HOOK, "active": 1})).problem == (
            400,
            "active must be a boolean",
        )


@pytest.mark.parametrize("total", ["envelope", "data", "link"])
async def test_a_page_says_that_there_is_more(
    gateway: GwmsEmulator, total: Literal["envelope", "data", "link"]
) -> None:
    """By a total in the envelope, by one beside the rows, or by a link to the next page."""
    rows = [gateway.add_webhook(f"https://shop.example/{number}", "CREATE_ORDER").as_json() for number in range(3)]
    async with logged_in(gateway) as client:
        gateway.inject(Paged(2, total))
        reply = await client.send("GET", "/webhooks")

    link = '</v21/webhooks?page=2>; rel="next"'
    shown: dict[str, dict[str, Any]] = {
        "envelope": {"data": rows[:2], "totalCount": 3},
        "data": {"data": {"data": rows[:2], "totalCount": 3}},
        "link": {"data": rows[:2]},
    }
    assert reply.envelope == {"statusCode": 200, "message": "OK", **shown[total]}
    assert reply.headers.get("Link") == (link if total == "link" else None)


async def test_the_last_page_has_no_link(gateway: GwmsEmulator) -> None:
    """When all rows fit, there is no next page."""
    gateway.add_webhook("https://shop.example/1", "CREATE_ORDER")
    async with logged_in(gateway) as client:
        gateway.inject(Paged(1, "link"))
        reply = await client.send("GET", "/webhooks")

    assert len(reply.data) == 1
    assert "Link" not in reply.headers


async def test_only_lists_have_pages(gateway: GwmsEmulator) -> None:
    """Other operations are answered as usual, and a refusal of a list too."""
    gateway.inject(Paged(0), times=2)
    async with plain(gateway) as client:
        assert (await client.send("GET", "/webhooks")).status == 401
        await client.log_in()
        assert (await client.create()).data["id"] == 1


def test_a_page_has_a_size() -> None:
    """It is not negative."""
    with pytest.raises(ValueError, match="must be >= 0"):
        Paged(-1)


def test_a_page_tells_of_others_in_a_known_way() -> None:
    """A typo does not go unnoticed."""
    with pytest.raises(ValueError, match="'total' must be in"):
        Paged(1, "header")  # type: ignore[arg-type]
