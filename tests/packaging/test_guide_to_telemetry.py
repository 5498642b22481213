"""The examples in the guide to traces and metrics, run as they stand there."""

from __future__ import annotations

import re
from typing import Any
from urllib.request import urlopen

import pytest

from gwms_async.testing import GwmsEmulator

from ..helpers.documents import TELEMETRY


async def test_prometheus(gwms_env: GwmsEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter shows the metrics that the guide names, with no other labels than these."""
    pytest.importorskip("opentelemetry.exporter.prometheus", reason="it comes with the dependency group test")
    import prometheus_client  # noqa: PLC0415

    servers: list[Any] = []
    serve = prometheus_client.start_http_server
    monkeypatch.setattr(prometheus_client, "start_http_server", lambda _, addr: servers.append(serve(0, addr)))
    await TELEMETRY.example("PrometheusMetricReader")["main"]()
    ((server, thread),) = servers
    with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as page:  # noqa: ASYNC210
        text = page.read().decode()
    server.shutdown()
    server.server_close()
    thread.join()

    assert len(gwms_env.webhooks) == 1
    table = dict(re.findall(r"^\| `(\w+)`:.*? \| (.*) \|$", TELEMETRY.text, re.MULTILINE))
    assert len(table) == 3
    for metric, labels in table.items():
        found = re.findall(rf"^{metric}(?:_count)?{{(.*)}} ", text, re.MULTILINE)
        used = {name for line in found for name in re.findall(r'(\w+)="', line) if not name.startswith("otel_")}
        assert found
        assert used <= set(re.findall(r"`(\w+)`", labels))
