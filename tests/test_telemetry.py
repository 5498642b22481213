"""What OpenTelemetry is given: the spans of each kind of call, the metrics, and nothing that is secret or personal."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from attrs import define, evolve, field
from opentelemetry import context, trace
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from gwms_async import (
    DeadlineExceededError,
    DecodeError,
    GwmsClient,
    GwmsError,
    Handler,
    LoginError,
    OutcomeUnknownError,
    Request,
    Response,
    Timeout,
)
from gwms_async.chain import Call
from gwms_async.telemetry import OpenTelemetry
from gwms_async.testing import DropAfter, GwmsEmulator, Html, RevokeTokens, Stall, Status

from .helpers.emulated import QUICK, client, spec, specs, until
from .helpers.virtual_io_loop import with_virtual_gateway

LOGIN = "gwms.login: gwms.attempts=1"
LOGGED_IN = "POST /users/login: http.response.status_code=200"


@define
class Recorder:
    """OpenTelemetry's own SDK, which keeps in memory what it is given."""

    is_sampled: bool = True
    _spans: InMemorySpanExporter = field(factory=InMemorySpanExporter, init=False)
    _reader: InMemoryMetricReader = field(factory=InMemoryMetricReader, init=False)
    tracer_provider: TracerProvider = field(init=False)
    telemetry: OpenTelemetry = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracer_provider = TracerProvider(sampler=ALWAYS_ON if self.is_sampled else ALWAYS_OFF)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = OpenTelemetry(self.tracer_provider, MeterProvider([self._reader]))

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def tree(self) -> list[str]:
        """The spans as lines, indented below their parents, with what differs from call to call."""
        children: dict[int | None, list[ReadableSpan]] = {}
        for span in self.spans:
            children.setdefault(span.parent.span_id if span.parent else None, []).append(span)

        def lines(parent: int | None, depth: int) -> Iterator[str]:
            for span in children.get(parent, []):
                assert span.context
                yield "  " * depth + line(span)
                yield from lines(span.context.span_id, depth + 1)

        return list(lines(None, 0))

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by their names, as the SDK exports them."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        (resource,) = json.loads(data.to_json())["resource_metrics"]
        return {metric["name"]: metric for scope in resource["scope_metrics"] for metric in scope["metrics"]}

    def points(self, name: str) -> list[tuple[dict[str, Any], int]]:
        """Return the attributes of a metric, each set with how often it was measured or counted."""
        points = self.metrics[name]["data"]["data_points"]
        return [(point["attributes"], point.get("count", point.get("value"))) for point in points]


def line(span: ReadableSpan) -> str:
    """Write a span as one line, without what is the same for all."""
    shared = ("http.request.method", "server.", "url.")
    shown = {name: value for name, value in (span.attributes or {}).items() if not name.startswith(shared)}
    assert span.status.is_ok is ("error.type" not in shown)
    assert not span.status.description
    assert not span.events
    return f"{span.name}: " + " ".join(f"{name}={value}" for name, value in shown.items())


async def ignore(call: Awaitable[object], *errors: type[BaseException]) -> None:
    """Wait for a call that must fail."""
    with pytest.raises(errors):
        await call


async def test_a_success(gateway: GwmsEmulator) -> None:
    """A login is below the call that began it; a middleware of the user's own sees the span of its attempt."""
    seen: list[trace.Span] = []

    async def watch(request: Request, handler: Handler) -> Response:
        seen.append(trace.get_current_span())
        return await handler(request)

    recorder = Recorder()
    async with client(gateway, telemetry=recorder.telemetry, middlewares=[watch]) as gwms:
        await gwms.webhooks.list()
        assert not trace.get_current_span().is_recording()

    assert recorder.tree == [
        "gwms.list: gwms.attempts=1",
        f"  {LOGIN}",
        f"    {LOGGED_IN}",
        "  GET /webhooks: http.response.status_code=200",
    ]
    assert [span.get_span_context() for span in seen] == [recorder.spans[-1].context]


async def test_a_refused_attempt_and_a_throttled_one(gateway: GwmsEmulator) -> None:
    """Each attempt has its span; the call itself has succeeded."""
    recorder = Recorder()
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        gateway.inject(Status(503), operation="list")
        gateway.inject(Status(429, retry_after="0"), operation="list", at=2)
        await gwms.webhooks.list()

    assert recorder.tree[0] == "gwms.list: gwms.attempts=3"
    assert recorder.tree[3:] == [
        "  GET /webhooks: http.response.status_code=503 error.type=503",
        "  GET /webhooks: http.request.resend_count=1 http.response.status_code=429 error.type=429",
        "  GET /webhooks: http.request.resend_count=2 http.response.status_code=200",
    ]


async def test_a_401(gateway: GwmsEmulator) -> None:
    """The new login is below the call, beside its attempts."""
    recorder = Recorder()
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        await gwms.webhooks.list()
        gateway.revoke_tokens()
        await gwms.webhooks.list()

    assert recorder.tree[4:] == [
        "gwms.list: gwms.attempts=2",
        "  GET /webhooks: http.response.status_code=401 error.type=401",
        f"  {LOGIN}",
        f"    {LOGGED_IN}",
        "  GET /webhooks: http.request.resend_count=1 http.response.status_code=200",
    ]


def test_a_deadline() -> None:
    """It cancels the attempt; the call ends with the error that the caller gets."""
    recorder = Recorder()

    async def main(gateway: GwmsEmulator, kind: type[GwmsClient]) -> None:
        async with client(gateway, kind=kind, telemetry=recorder.telemetry, timeout=Timeout(total=0.1)) as gwms:
            await gwms.webhooks.list()
            gateway.inject(Stall(5), operation="list")
            await ignore(gwms.webhooks.list(), DeadlineExceededError)

    with_virtual_gateway(main)
    assert recorder.tree[4:] == [
        "gwms.list: gwms.attempts=1 error.type=DeadlineExceededError",
        "  GET /webhooks: error.type=CancelledError",
    ]


async def test_a_cancelled_call(gateway: GwmsEmulator) -> None:
    """Both spans end."""
    recorder = Recorder()
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        gateway.inject(Stall(5), operation="get")
        call = asyncio.create_task(gwms.webhooks.get(17))
        await until(lambda: gateway.count("get"))
        call.cancel()
        await ignore(call, asyncio.CancelledError)

    assert recorder.tree[0] == "gwms.get: gwms.attempts=1 error.type=CancelledError"
    assert recorder.tree[3:] == ["  GET /webhooks/{id}: error.type=CancelledError"]


async def test_a_create_whose_response_is_lost(gateway: GwmsEmulator) -> None:
    """The attempt failed, and of the call the outcome is unknown."""
    recorder = Recorder()
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        gateway.inject(DropAfter(), operation="create")
        await ignore(gwms.webhooks.create(spec()), OutcomeUnknownError)

    assert recorder.tree[0] == "gwms.create: gwms.attempts=1 error.type=OutcomeUnknownError"
    assert recorder.tree[3:] == ["  POST /webhooks: error.type=ConnectionFailedError"]


async def test_a_refused_login(gateway: GwmsEmulator) -> None:
    """The call fails before its first attempt; the next one without a login."""
    recorder = Recorder()
    gateway.refuse_logins = True
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        for _ in range(2):
            await ignore(gwms.webhooks.list(), LoginError)

    assert recorder.tree == [
        "gwms.list: gwms.attempts=0 error.type=LoginError",
        "  gwms.login: gwms.attempts=1 error.type=AuthenticationError",
        "    POST /users/login: http.response.status_code=401 error.type=401",
        "gwms.list: gwms.attempts=0 error.type=LoginError",
    ]


async def test_a_login_that_is_retried(gateway: GwmsEmulator) -> None:
    """Its attempts are below it."""
    recorder = Recorder()
    gateway.inject(Status(503), operation="login")
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        await gwms.webhooks.list()

    assert recorder.tree[1:4] == [
        "  gwms.login: gwms.attempts=2",
        "    POST /users/login: http.response.status_code=503 error.type=503",
        "    POST /users/login: http.request.resend_count=1 http.response.status_code=200",
    ]


async def test_a_response_that_cannot_be_read(gateway: GwmsEmulator) -> None:
    """The call ends with the decoder's error."""
    recorder = Recorder()
    gateway.inject(Html(), operation="list")
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        await ignore(gwms.webhooks.list(), DecodeError)

    assert recorder.tree[0] == "gwms.list: gwms.attempts=1 error.type=DecodeError"


async def test_a_bulk(gateway: GwmsEmulator) -> None:
    """All its calls are below the span in which it was begun; its outcomes are counted."""
    recorder = Recorder()
    gateway.add_webhook(spec().url, spec().webhook_type)
    with recorder.tracer_provider.get_tracer("service").start_as_current_span("nightly"):
        async with client(gateway, telemetry=recorder.telemetry) as gwms:
            wanted = [spec(), *specs(4)[2:]]
            await gwms.webhooks.register_many(wanted, on_outcome=recorder.telemetry.outcome)

    top = [entry.strip() for entry in recorder.tree if entry.startswith("  ") and entry[2] != " "]
    assert recorder.tree[0] == "nightly: "
    assert not [entry for entry in recorder.tree[1:] if not entry.startswith("  ")]
    assert sorted(top) == [f"gwms.{name}: gwms.attempts=1" for name in ("create", "create", "list", "list")]
    statuses = {
        attributes["gwms.outcome.status"]: count for attributes, count in recorder.points("gwms.client.outcomes")
    }
    assert statuses == {"existing": 1, "created": 2}


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/orders/filter", "POST /orders"),
        ("GET", "/orders/ann@shop.example/4711", "GET /orders"),
        ("GET", "/orders?mail=ann@shop.example", "GET /orders"),
        ("GET", "/ann@shop.example", "GET /"),
        ("GET", "/4711", "GET /"),
        ("PURGE", "/webhooks/17", "HTTP /webhooks"),
    ],
)
async def test_other_endpoints(method: str, path: str, name: str) -> None:
    """Of their paths only the first segment is shown, if it is a plain name; other methods are all the same."""
    recorder = Recorder()
    base_url = "https://gateway.example/v21"

    async def attempt(request: Request) -> Response:
        return await recorder.telemetry.attempt(request, answer)

    async def answer(request: Request) -> Response:
        return Response(200)

    await recorder.telemetry.call(Request(method, path, idempotent=True, call=Call(base_url=base_url)), attempt)

    assert recorder.tree == ["gwms.request: gwms.attempts=0", f"  {name}: http.response.status_code=200"]
    attributes = dict(recorder.spans[1].attributes or {})
    assert attributes["url.full"] == f"{base_url}{name.split()[1]}"
    assert (attributes["server.address"], attributes["server.port"]) == ("gateway.example", 443)
    assert not [word for word in ("4711", "ann") if word in str(attributes)]


@pytest.mark.parametrize("method", ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"])
@pytest.mark.parametrize(
    ("origin", "port"), [("https://gw.example", 443), ("http://gw.example", 80), ("http://gw.example:8021", 8021)]
)
async def test_what_an_attempt_is_measured_by(method: str, origin: str, port: int) -> None:
    """The method, the server, its port, given or not, and the status; in seconds."""
    recorder = Recorder()

    async def answer(request: Request) -> Response:
        return Response(400)

    call = Call(base_url=f"{origin}/v21")
    await recorder.telemetry.attempt(Request(method, "/webhooks", idempotent=True, call=call), answer)

    server = {"http.request.method": method, "server.address": "gw.example", "server.port": port}
    result = {"http.response.status_code": 400, "error.type": "400"}
    assert recorder.points("http.client.request.duration") == [({**server, **result}, 1)]
    (point,) = recorder.metrics["http.client.request.duration"]["data"]["data_points"]
    assert 0 <= point["sum"] < 60


async def everything(gateway: GwmsEmulator, telemetry: OpenTelemetry) -> None:
    """Make calls of all kinds, which end in all ways."""
    async with client(gateway, telemetry=telemetry, retry=evolve(QUICK, max_attempts=3)) as gwms:
        await gwms.webhooks.register_many(specs(3), on_outcome=telemetry.outcome)
        for fault in (Status(503), RevokeTokens(), DropAfter(), Html(), Status(400)):
            for operation in ("list", "create", "get"):
                gateway.inject(fault, operation=operation)
            for call in (gwms.webhooks.list(), gwms.webhooks.create(spec()), gwms.webhooks.get(1)):
                await asyncio.gather(call, return_exceptions=True)
        await asyncio.gather(gwms.request("GET", "/orders/no-4711?mail=ann@shop.example"), return_exceptions=True)
        await gwms.webhooks.delete(await gwms.webhooks.deactivate(await gwms.webhooks.update(1, spec(7))))
        gateway.revoke_tokens()
        gateway.refuse_logins = True
        await ignore(gwms.webhooks.list(), GwmsError)


DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
HTTP = {"http.request.method", "server.address", "server.port", "http.response.status_code", "error.type"}
METRICS = {
    "http.client.request.duration": ("s", "Duration of HTTP client requests.", DURATIONS, HTTP),
    "gwms.client.call.duration": (
        "s",
        "Duration of calls, with all attempts and waits.",
        [*DURATIONS, 30, 60, 120],
        {"gwms.operation", "error.type"},
    ),
    "gwms.client.outcomes": ("{outcome}", "Outcomes of registrations.", None, {"gwms.outcome.status"}),
}
SPANS = {
    "INTERNAL": {"gwms.attempts", "error.type"},
    "CLIENT": {*HTTP, "url.full", "url.template", "http.request.resend_count"},
}
OPERATIONS = {"list", "create", "get", "update", "deactivate", "delete", "login", "request"}


async def test_names_and_units_stay_as_they_are(gateway: GwmsEmulator) -> None:
    """Dashboards and alerts go by them."""
    recorder = Recorder()
    await everything(gateway, recorder.telemetry)

    metrics: dict[str, tuple[Any, ...]] = {}
    spans: dict[str, set[str]] = {}
    for name, metric in recorder.metrics.items():
        points = metric["data"]["data_points"]
        keys = {key for point in points for key in point["attributes"]}
        metrics[name] = metric["unit"], metric["description"], points[0].get("explicit_bounds"), keys
    for span in recorder.spans:
        spans.setdefault(span.kind.name, set()).update(span.attributes or {})
    assert metrics == METRICS
    assert spans == SPANS
    assert {f"gwms.{name}" for name in OPERATIONS} == {span.name for span in recorder.spans if " " not in span.name}
    assert {
        attributes["gwms.operation"] for attributes, _ in recorder.points("gwms.client.call.duration")
    } == OPERATIONS


async def test_nothing_secret_or_personal(gateway: GwmsEmulator, caplog: pytest.LogCaptureFixture) -> None:
    """Spans and metrics contain no credentials, ids or contents; logs no credentials, not even usernames."""
    caplog.set_level(logging.DEBUG)
    recorder = Recorder()
    await everything(gateway, recorder.telemetry)

    exported = json.dumps(recorder.metrics) + "".join(span.to_json() for span in recorder.spans)
    logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    secrets = [gateway.credentials.password, gateway.credentials.api_key, *gateway.tokens_issued]
    assert len(secrets) > 3
    for text in secrets:
        assert text not in exported + logged
    assert f"'{gateway.credentials.username}'" not in logged
    for text in (f'"{gateway.credentials.username}"', "shop.example", "ann@", "no-4711", "/webhooks/1", "CREATE_ORDER"):
        assert text not in exported


async def test_spans_that_are_not_sampled(gateway: GwmsEmulator) -> None:
    """They cost no metric."""
    recorder = Recorder(is_sampled=False)
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        await gwms.webhooks.list()

    assert not recorder.spans
    calls = recorder.points("gwms.client.call.duration")
    assert sorted((attributes["gwms.operation"], count) for attributes, count in calls) == [("list", 1), ("login", 1)]


async def test_without_an_sdk(gateway: GwmsEmulator) -> None:
    """The global providers do nothing unless the service sets them."""
    async with client(gateway, telemetry=OpenTelemetry()) as gwms:
        assert await gwms.webhooks.list() == []


@pytest.mark.parametrize("step", ["on_start", "on_end"])
async def test_a_span_processor_that_fails(
    gateway: GwmsEmulator, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged by its type; calls go on, and no span is left current in the task."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("hunter2")

    recorder, processor, before = Recorder(), SpanProcessor(), context.get_current()
    monkeypatch.setattr(processor, step, fail)
    recorder.tracer_provider.add_span_processor(processor)
    async with client(gateway, telemetry=recorder.telemetry) as gwms:
        report = await gwms.webhooks.register_many(specs(2))

    assert [one.status for one in report.outcomes] == ["created", "created"]
    assert context.get_current() == before
    assert {record.getMessage() for record in caplog.records} >= {"telemetry failed (OSError); the call goes on"}
    assert "hunter2" not in caplog.text
    assert ({"gwms.operation": "create"}, 2) in recorder.points("gwms.client.call.duration")


@pytest.mark.parametrize("is_watched", [True, False])
async def test_aiohttps_own_instrumentation(gateway: GwmsEmulator, is_watched: bool) -> None:
    """It adds neither spans nor headers within an attempt; without our telemetry it would."""
    recorder = Recorder()
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=recorder.tracer_provider)
    try:
        async with client(gateway, telemetry=recorder.telemetry if is_watched else None) as gwms:
            await gwms.webhooks.list()
    finally:
        instrumentor.uninstrument()

    assert [span.name for span in recorder.spans] == (
        ["gwms.list", "gwms.login", "POST /users/login", "GET /webhooks"] if is_watched else ["POST", "GET"]
    )
    assert {"traceparent" in exchange.headers for exchange in gateway.requests} == {not is_watched}


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.delitem(sys.modules, "gwms_async.telemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(
        ImportError, match=r"^gwms_async.telemetry needs opentelemetry: install gwms-async with the extra otel$"
    ):
        import gwms_async.telemetry  # noqa: F401, PLC0415  # asked for on purpose
