"""Traces and metrics by OpenTelemetry; needs the extra ``otel``."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter
from urllib.parse import urlsplit

try:
    from opentelemetry import context, metrics, trace
except ImportError as error:
    raise ImportError(f"gwms_async.telemetry needs {error.name}: install gwms-async with the extra otel") from error

from ._version import VERSION
from .chain import Handler, Request, Response
from .registration.report import Outcome
from .wire.requests import operation_of

Attributes = dict[str, str | int]

_NAME = "gwms_async"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # prescribed, in seconds
_STATUS = "http.response.status_code"
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
# It has no public name, but instrumentations of HTTP clients read it.
_SUPPRESSED = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")


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
        self, tracer_provider: trace.TracerProvider | None = None, meter_provider: metrics.MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, VERSION, tracer_provider)
        meter = metrics.get_meter(_NAME, VERSION, meter_provider)
        self._attempts = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_BUCKETS,
        )
        self._calls = meter.create_histogram(
            "gwms.client.call.duration",
            "s",
            "Duration of calls, with all attempts and waits.",
            explicit_bucket_boundaries_advisory=(*_BUCKETS, 30.0, 60.0, 120.0),
        )
        self._outcomes = meter.create_counter("gwms.client.outcomes", "{outcome}", "Outcomes of registrations.")

    async def call(self, request: Request, handler: Handler) -> Response:
        """Trace and measure a call."""
        operation, _ = operation_of(request.method, request.path)
        span, error = self._tracer.start_span(f"gwms.{operation}"), ""
        within, began = context.attach(trace.set_span_in_context(span)), perf_counter()
        try:
            response = await handler(request)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        else:
            if not response.readable:
                error = "DecodeError"  # the caller gets it from the decoder
            return response
        finally:
            span.set_attribute("gwms.attempts", request.call.attempts)
            _end(span, self._calls, began, {"gwms.operation": operation}, error)
            context.detach(within)

    async def attempt(self, request: Request, handler: Handler) -> Response:
        """Trace and measure an attempt."""
        call = request.call
        _, template = operation_of(request.method, request.path)
        name, attributes, dimensions = _described(call.base_url, request.method, template)
        if call.attempts:
            attributes = attributes | {"http.request.resend_count": call.attempts}
        span, error = self._tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes), ""
        # aiohttp's own instrumentation would double the span, and send a header of its own.
        within = context.attach(trace.set_span_in_context(span, context.set_value(_SUPPRESSED, value=True)))
        began = perf_counter()
        try:
            response = await handler(request)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        else:
            span.set_attribute(_STATUS, response.status)
            dimensions = dimensions | {_STATUS: response.status}
            if response.status >= 400:
                error = str(response.status)
            return response
        finally:
            _end(span, self._attempts, began, dimensions, error)
            context.detach(within)

    def outcome(self, outcome: Outcome) -> None:
        """Count an outcome by its status: ``register_many(specs, on_outcome=telemetry.outcome)``."""
        self._outcomes.add(1, {"gwms.outcome.status": outcome.status.value})


def _end(span: trace.Span, durations: metrics.Histogram, began: float, dimensions: Attributes, error: str) -> None:
    """Record the duration while the span is current, so that exemplars link to it, and end the span."""
    if error:
        dimensions = dimensions | {"error.type": error}
        span.set_attribute("error.type", error)
        span.set_status(trace.StatusCode.ERROR)
    durations.record(perf_counter() - began, dimensions)
    span.end()


@lru_cache(maxsize=256)
def _described(base_url: str, method: str, template: str) -> tuple[str, Attributes, Attributes]:
    """Return the name of an attempt's span, its attributes, and those of its measurement."""
    parts, known = urlsplit(base_url), method if method in _METHODS else "_OTHER"
    dimensions: Attributes = {
        "http.request.method": known,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    attributes = {**dimensions, "url.full": base_url + template, "url.template": template}
    return f"{'HTTP' if known == '_OTHER' else method} {template}", attributes, dimensions
