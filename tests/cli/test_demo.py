"""The demo; it runs on virtual time, because it waits for seconds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from attrs import evolve
from click.testing import CliRunner

from gwms_async import Outcome, OutcomeStatus, Report, Webhook, WebhookSpec, WebhookType
from gwms_async.cli import demo
from gwms_async.cli.commands import gwms
from gwms_async.testing import GwmsEmulator, StoredWebhook

from ..helpers.slow import first
from ..helpers.virtual_io_loop import VirtualIoLoop, virtual_client

SPEC = WebhookSpec("https://shop.example/1", WebhookType.CREATE_ORDER)
STORED = StoredWebhook(1, "key", SPEC.url, SPEC.webhook_type, SPEC.active, SPEC.method, "2026-01-01T00:00:00.000Z")


class Forgetful(GwmsEmulator):
    """Stores nothing."""

    webhooks: list[StoredWebhook] = []  # noqa: RUF012


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run commands on a loop whose time passes only where everything waits."""
    with asyncio.Runner(loop_factory=VirtualIoLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualIoLoop)
        monkeypatch.setattr(demo, "GwmsClient", virtual_client(loop))
        monkeypatch.setattr("gwms_async.cli.loop.run", runner.run)
        yield


def run(*arguments: str) -> tuple[int, str]:
    """Run the demo; return its exit code and its output."""
    result = CliRunner().invoke(gwms, ["demo", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


def figures(*stored: StoredWebhook, error: Exception | None = None) -> demo.Figures:
    """Return the figures of a run that reports one webhook."""
    hook = Webhook(STORED.id, SPEC.url, SPEC.webhook_type, SPEC.active, SPEC.method)
    report = Report((Outcome(SPEC, OutcomeStatus.CREATED, hook, error),))
    return demo.figures(report, [], stored, 1.0)


def test_text() -> None:
    """What is injected, what the client waits for, and what comes of it."""
    code, output = run("--seed", "7")

    text = " ".join(output.split())
    assert code == 0
    for words in (
        "throttles once (429: all calls pause for 1 s), revokes the token halfway",
        "loses its responses to 25 creates",
        "--seed 7",
        "Waiting 1 s before looking for the 25 webhooks whose responses were lost",
        "Waiting 9 s for the closing list",
        "first run ┃ second run",
        "│ dropped connections │ 12 │ 0 │",
        "Checked against the emulator: each webhook exists exactly once",
    ):
        assert words in text


@pytest.mark.parametrize("seed", first(1, ["1", "2", "3"]))
def test_json(seed: str) -> None:
    """Faults of each kind, all requests, nothing dropped or duplicated; 500 webhooks take less than 13 seconds."""
    code, output = run("--seed", seed, "--json")

    result: dict[str, Any] = json.loads(output)
    first, second = result["first"], result["second"]
    assert code == 0
    assert (result["webhooks"], result["concurrency"], result["seed"]) == (500, 32, int(seed))
    assert first["injected"] == {
        "429s": 1,
        "token revocations": 1,
        "dropped connections": 12,
        "truncated responses": 4,
        "HTML pages": 3,
        "503s": 6,
    }
    assert first["requests"]["logins"] == 2
    assert first["requests"]["lists"] >= 3
    assert first["requests"]["creates"] > 500
    assert first["reported"]["created"] + first["reported"]["recovered"] == 500
    assert first["reported"]["recovered"] > 0
    assert first["seconds"] < 13
    assert first["discrepancies"] == second["discrepancies"] == {"missing": 0, "copies": 0}
    assert second["requests"] == {"logins": 0, "lists": 1, "creates": 0, "others": 0}
    assert second["reported"] == {"created": 0, "recovered": 0, "existing": 500, "failed": 0}


def test_few_webhooks() -> None:
    """Even one webhook, which meets faults until they are over."""
    assert run("--webhooks", "1", "--seed", "7")[0] == 0


def test_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts once a browser shows the page, which sees the progress and the verdict, and ends with Ctrl-C."""
    emulators: list[GwmsEmulator] = []
    browsers: list[asyncio.Task[None]] = []
    seen: list[str] = []

    # The browser is in the loop of the emulator, whose time would not wait for one elsewhere.
    async def watch(url: str) -> None:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{url}emulator/events") as events:
                async for line in events.content:
                    if line.startswith(b"data: ") and (news := json.loads(line[6:]).get("announcement")):
                        seen.append(news["text"])
                        if seen[-1] in {demo._OK, demo._NOT_OK}:
                            break
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    class Recorded(GwmsEmulator):
        async def page_opened(self) -> None:
            emulators.append(self)
            assert not self.requests
            browsers.append(asyncio.create_task(watch(self.page_url)))
            await super().page_opened()

    monkeypatch.setattr(demo, "GwmsEmulator", Recorded)
    code, output = run("--webhooks", "20", "--seed", "7", "--page")

    assert (code, seen[-1]) == (0, demo._OK)
    assert f"Open {emulators[0].page_url} in a browser" in output
    assert any(text.startswith("First run: ") for text in seen)
    assert "Waiting 9 s for the closing list, which shows whether late creates left copies" in seen
    assert [browser.exception() for browser in browsers] == [None]


def test_what_is_not_exact() -> None:
    """A failure, a missing or another webhook, a copy: each alone makes the exit code 1."""
    assert demo.is_exact(figures(STORED))
    assert not demo.is_exact(figures(STORED, error=ValueError()))
    assert figures()["discrepancies"] == {"missing": 1, "copies": 0}
    assert figures(STORED, evolve(STORED, id=2))["discrepancies"] == {"missing": 0, "copies": 1}
    assert figures(evolve(STORED, method="GET"))["discrepancies"] == {"missing": 1, "copies": 0}
    assert not demo.is_exact(figures())


def test_what_the_emulator_stores_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reports say."""
    monkeypatch.setattr(demo, "GwmsEmulator", Forgetful)

    code, output = run("--webhooks", "20", "--seed", "7")

    assert code == 1
    assert "not as reported" in output


def test_usage_errors() -> None:
    """Invalid options end with exit code 2."""
    assert run("--webhooks", "0")[0] == 2
