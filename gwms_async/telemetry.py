"""Traces and metrics by OpenTelemetry; needs the extra ``otel``."""

from __future__ import annotations

import logging
from functools import lru_cache
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

try:
    from opentelemetry import context, metrics, trace
except ImportError as error:
    raise ImportError(f"gwms_async.telemetry needs {error.name}: install gwms-async with the extra otel") from error

from ._version import VERSION
from .chain import Handler, Request, Response
from .registration.report import Outcome
from .wire.requests import operation_of

__all__ = ["OpenTelemetry"]

Attributes = dict[str, str | int]

_NAME = "gwms_async"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # seconds; prescribed
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_ATTEMPTS = "http.client.request.duration", "s", "Duration of HTTP client requests."
_CALLS = "gwms.client.call.duration", "s", "Duration of calls, with all attempts and waits."
# It has no public name, but the instrumentations of HTTP clients honor it.
_SUPPRESSED = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")
_FAILED = "telemetry failed (%s); the call goes on"
_logger = logging.getLogger("gwms_async")


class OpenTelemetry:
    """Watches the calls of clients: `GwmsClient(..., telemetry=OpenTelemetry())`.

    Each call is a span ``gwms.<operation>`` with a client span for each of its attempts; a login is a child of the call
    that started it. Spans and metrics contain nothing secret or personal; fleet/telemetry.md lists the metrics.
    What a provider raises, for example in a span processor of yours, is logged, and the call goes on.

    Args:
        tracer_provider: Where spans go; None for the global provider.
        meter_provider: Where metrics go; None for the global provider.
    """

    def __init__(
        self, tracer_provider: trace.TracerProvider | None = None, meter_provider: metrics.MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, VERSION, tracer_provider)
        meter = metrics.get_meter(_NAME, VERSION, meter_provider)
        self._attempts = meter.create_histogram(*_ATTEMPTS, explicit_bucket_boundaries_advisory=_BUCKETS)
        buckets = (*_BUCKETS, 30.0, 60.0, 120.0)
        self._calls = meter.create_histogram(*_CALLS, explicit_bucket_boundaries_advisory=buckets)
        self._outcomes = meter.create_counter("gwms.client.outcomes", "{outcome}", "Outcomes of registrations.")

    async def call(self, request: Request, handler: Handler) -> Response:
        """Trace and measure a call."""
        operation, _ = operation_of(request.method, request.path)
        span, error = self._start(f"gwms.{operation}"), Attributes()
        context_token, began = context.attach(trace.set_span_in_context(span)), perf_counter()
        try:
            response = await handler(request)
            if not response.readable:
                error["error.type"] = "DecodeError"  # the caller gets it from the decoder
        except BaseException as raised:
            error["error.type"] = type(raised).__name__
            raise
        finally:
            facts: Attributes = {"gwms.attempts": request.call.attempts, **error}
            _end(span, facts, self._calls, began, {"gwms.operation": operation, **error})
            context.detach(context_token)
        return response

    async def attempt(self, request: Request, handler: Handler) -> Response:
        """Trace and measure an attempt."""
        call = request.call
        _, template = operation_of(request.method, request.path)
        name, attributes, dimensions = _described(call.base_url, request.method, template)
        if call.attempts:
            attributes = attributes | {"http.request.resend_count": call.attempts}
        span, facts = self._start(name, kind=trace.SpanKind.CLIENT, attributes=attributes), Attributes()
        context_token = context.attach(trace.set_span_in_context(span, context.set_value(_SUPPRESSED, value=True)))
        began = perf_counter()
        try:
            response = await handler(request)
            facts["http.response.status_code"] = response.status
            if response.status >= 400:
                facts["error.type"] = str(response.status)
        except BaseException as raised:
            facts["error.type"] = type(raised).__name__
            raise
        finally:
            _end(span, facts, self._attempts, began, dimensions | facts)
            context.detach(context_token)
        return response

    def outcome(self, outcome: Outcome) -> None:
        """Count an outcome by its status: ``register_many(specs, on_outcome=telemetry.outcome)``."""
        self._outcomes.add(1, {"gwms.outcome.status": outcome.status.value})

    def _start(self, name: str, **how: Any) -> trace.Span:
        try:
            return self._tracer.start_span(name, **how)
        except Exception as error:  # noqa: BLE001  # a processor is the user's
            _logger.warning(_FAILED, type(error).__name__)
            return trace.INVALID_SPAN


def _end(
    span: trace.Span, facts: Attributes, durations: metrics.Histogram, began: float, dimensions: Attributes
) -> None:
    """Record the duration while the span is current, so that exemplars link to it, and end the span."""
    try:
        if "error.type" in facts:
            span.set_status(trace.StatusCode.ERROR)
        span.set_attributes(facts)
        durations.record(perf_counter() - began, dimensions)
        span.end()
    except Exception as error:  # noqa: BLE001  # a processor is the user's
        _logger.warning(_FAILED, type(error).__name__)


@lru_cache(maxsize=256)
def _described(base_url: str, method: str, template: str) -> tuple[str, Attributes, Attributes]:
    """Return the name and the attributes of an attempt's span, and the dimensions of its measurement."""
    parts, known = urlsplit(base_url), method if method in _METHODS else "_OTHER"
    dimensions: Attributes = {
        "http.request.method": known,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    attributes = {**dimensions, "url.full": base_url + template, "url.template": template}
    return f"{'HTTP' if known == '_OTHER' else method} {template}", attributes, dimensions
