"""Traces and metrics by OpenTelemetry; needs the extra ``otel``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.context import Context
except ImportError as error:
    raise ImportError(f"gwms_async.telemetry needs {error.name}: install gwms-async with the extra otel") from error

from ._version import VERSION
from .chain import Handler, Request, Response
from .registration.report import Outcome
from .wire.requests import operation_of

Attributes = Mapping[str, str | int]

_NAME = "gwms_async"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # prescribed, in seconds
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
# It has no public name, but instrumentations of HTTP clients read it.
_SUPPRESSED = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")


class _Observation:
    """A span and a measurement of one block of code; both note the class of the error it ends with."""

    def __init__(
        self, span: trace.Span, durations: metrics.Histogram, attributes: Attributes, within: Context | None = None
    ) -> None:
        self.attributes, self.error = dict(attributes), ""
        self._span, self._durations, self._within = span, durations, within

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._span, self._within))
        self._began = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            self.error = kind.__name__
        if self.error:
            self.attributes["error.type"] = self.error
            self._span.set_attribute("error.type", self.error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._durations.record(perf_counter() - self._began, self.attributes)
        context.detach(self._token)
        self._span.end()


class OpenTelemetry:
    """Watches the calls of clients: `GwmsClient(..., telemetry=OpenTelemetry())`.

    Each call is a span ``gwms.<operation>`` with a client span for each of its attempts; a login is below the call that
    began it. Spans and metrics contain no bodies, headers, ids, error messages or usernames, and nothing is added to
    what the gateway is sent. Attempts follow the semantic conventions of HTTP clients, but for two things: a status is
    the one in the envelope if that is an error, and paths are templates. Within an attempt aiohttp's own
    instrumentation is suppressed; versions before 0.60 ignore that, double its span and send a trace header.

    Args:
        tracer_provider: Where spans go; None for the global provider.
        meter_provider: Where metrics go; None for the global provider.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, VERSION, tracer_provider)
        meter = metrics.get_meter(_NAME, VERSION, meter_provider)
        self._attempts = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._calls = meter.create_histogram(
            "gwms.client.call.duration",
            unit="s",
            description="Duration of calls, with all attempts and waits.",
            explicit_bucket_boundaries_advisory=(*_BUCKETS, 30.0, 60.0, 120.0),
        )
        self._outcomes = meter.create_counter(
            "gwms.client.outcomes", unit="{outcome}", description="Outcomes of registrations."
        )

    async def call(self, request: Request, handler: Handler) -> Response:
        """Trace and measure a call."""
        operation, _ = operation_of(request.method, request.path)
        span = self._tracer.start_span(f"gwms.{operation}")
        with _Observation(span, self._calls, {"gwms.operation": operation}) as observation:
            try:
                response = await handler(request)
            finally:
                span.set_attribute("gwms.attempts", request.call.attempts)
            if not response.readable:
                observation.error = "DecodeError"  # the caller gets it from the decoder
        return response

    async def attempt(self, request: Request, handler: Handler) -> Response:
        """Trace and measure an attempt."""
        call = request.call
        _, template = operation_of(request.method, request.path)
        name, attributes, dimensions = _described(call.base_url, request.method, template)
        if call.attempts:
            attributes = {**attributes, "http.request.resend_count": call.attempts}
        span = self._tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes)
        # aiohttp's own instrumentation would double the span, and send a header of its own.
        within = context.set_value(_SUPPRESSED, value=True)
        with _Observation(span, self._attempts, dimensions, within) as observation:
            response = await handler(request)
            observation.attributes["http.response.status_code"] = response.status
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 400:
                observation.error = str(response.status)
        return response

    def outcome(self, outcome: Outcome) -> None:
        """Count an outcome by its status: ``register_many(specs, on_outcome=telemetry.outcome)``."""
        self._outcomes.add(1, {"gwms.outcome.status": outcome.status.value})


@lru_cache(maxsize=256)
def _described(base_url: str, method: str, template: str) -> tuple[str, Attributes, Attributes]:
    """Return the name of an attempt's span, its attributes, and those of its measurement."""
    parts, known = urlsplit(base_url), method if method in _METHODS else "_OTHER"
    dimensions: dict[str, str | int] = {
        "http.request.method": known,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    attributes = {**dimensions, "url.full": base_url + template, "url.template": template}
    return f"{'HTTP' if known == '_OTHER' else method} {template}", attributes, dimensions
