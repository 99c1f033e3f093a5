# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""CarbonInstrumentor: carbonspan without a line of code, for `opentelemetry-instrument` and declarative files.

Both find it by its entry point, after the SDK is configured or before the application sets its own provider. It needs
no package of OpenTelemetry's instrumentation, and follows its interface where that is installed.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from carbonspan.core._options import check_environment
from carbonspan.otel._writeback import Path, path
from carbonspan.otel.processor import CarbonSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    _Base = object
else:
    try:
        from opentelemetry.instrumentation.instrumentor import BaseInstrumentor as _Base
    except ImportError:
        _Base = object

_log = logging.getLogger("carbonspan")

# What those who call instrumentors hand to all of them alike, and what concerns only instrumentors of other packages.
_NOT_OPTIONS = frozenset({"skip_dep_check", "raise_exception_on_conflict", "logger_provider"})
# What says where telemetry goes, and nothing of how: a call with only these asks for nothing new.
_PROVIDERS = frozenset({"tracer_provider", "meter_provider"})

# Under both ways to set the global provider, the call and OTEL_PYTHON_TRACER_PROVIDER, and reached also by those who
# imported `set_tracer_provider` before (opentelemetry/trace/__init__.py, 1.32 to 1.45).
_SETTER = "_set_tracer_provider" if hasattr(trace, "_set_tracer_provider") else "set_tracer_provider"


class CarbonInstrumentor(_Base):
    """Adds one `CarbonSpanProcessor` to the global tracer provider, the present one or the one that comes later.

        CarbonInstrumentor().instrument()

    There is one instance in a process. Where `instrument` is given a wrong option, or an environment variable holds
    one, it logs one line with the option, the value and what is allowed, and the application runs on without carbon:
    on this path nobody sees an exception, and figures under other settings than those asked for are worse than none.
    """

    _instance: CarbonInstrumentor | None = None
    _is_instrumented_by_opentelemetry = False

    _processor: CarbonSpanProcessor | None = None
    _provider: Any = None
    _unwatch: Callable[[], None] | None = None
    _refused = False

    def __new__(cls) -> CarbonInstrumentor:  # noqa: D102, PYI034 - there is one instance, of this class
        if cls._instance is None:
            cls._instance = made = object.__new__(cls)
            made._renew_lock()
            if hasattr(os, "register_at_fork"):
                # A child must not inherit a lock that another thread of the parent held at the fork.
                os.register_at_fork(after_in_child=made._renew_lock)
        return cls._instance

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether spans are enriched, or will be once there is a provider."""
        return self._is_instrumented_by_opentelemetry

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: what carbonspan needs is installed with it."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Start to enrich. A second call changes nothing; never raises.

        Args:
            **kwargs: The options of `carbonspan.core._options.OPTIONS`; `tracer_provider` and `meter_provider`, to use
                others than the global ones. What callers hand to every instrumentor is passed over.
        """
        try:
            with self._lock:
                options = {name: value for name, value in kwargs.items() if name not in _NOT_OPTIONS}
                if self._is_instrumented_by_opentelemetry or (self._refused and not options.keys() - _PROVIDERS):
                    # A declarative file is applied first, and opentelemetry-instrument calls again, without options:
                    # what the file said stands, also where it was wrong.
                    _log.debug("carbonspan: instrumented already")
                    return
                self._instrument(**options)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application runs on
            _log.warning("carbonspan: %s. The application runs without carbon", _line(error))

    def uninstrument(self, **kwargs: Any) -> None:
        """Stop enriching: no processor and no hook stays behind. Never raises."""
        try:
            with self._lock:
                self._uninstrument(**kwargs)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("carbonspan: %s", _line(error))

    def _instrument(self, **kwargs: Any) -> None:
        self._refused = True
        provider = kwargs.pop("tracer_provider", None)
        check_environment(os.environ, kwargs)
        self._processor = CarbonSpanProcessor(**kwargs)
        self._refused = False
        self._is_instrumented_by_opentelemetry = True
        if provider is None:
            self._unwatch = _watch(self._attach)
        self._attach(provider or trace.get_tracer_provider())

    def _uninstrument(self, **_kwargs: Any) -> None:
        processor, provider, unwatch = self._processor, self._provider, self._unwatch
        self._processor = self._provider = self._unwatch = None
        self._is_instrumented_by_opentelemetry = self._refused = False
        if unwatch is not None:
            unwatch()
        if processor is not None:
            _detach(provider, processor)

    def _attach(self, provider: Any) -> None:
        """Add the processor to `provider`, unless it stands for one that comes later or has a processor of ours."""
        with self._lock:
            if self._processor is None or self._provider is not None:
                return
            add = getattr(provider, "add_span_processor", None)
            if add is None:
                if not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
                    _log.warning(
                        "carbonspan: the tracer provider (%s) takes no span processors. "
                        "The application runs without carbon",
                        type(provider).__qualname__,
                    )
                return
            self._provider = provider
            if any(isinstance(one, CarbonSpanProcessor) for one in _processors(provider)):
                _log.debug("carbonspan: the application has registered its own CarbonSpanProcessor, which stands")
                return
            add(self._processor)
            if path() is Path.REBIND_END:
                _put_first(provider, self._processor)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__qualname__


def _watch(attach: Callable[[Any], None]) -> Callable[[], None]:
    """Have `attach` called with the global provider whenever one is set; return how to end that."""
    original = getattr(trace, _SETTER)

    @functools.wraps(original)
    def set_and_attach(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        try:
            attach(trace.get_tracer_provider())
        except Exception as error:  # noqa: BLE001 - the application only set its provider
            _log.warning("carbonspan: %s. The application runs without carbon", _line(error))

    def unwatch() -> None:
        # Where another has wrapped it since, it stays, and `attach` has nothing to do any more.
        if getattr(trace, _SETTER) is set_and_attach:
            setattr(trace, _SETTER, original)

    setattr(trace, _SETTER, set_and_attach)
    return unwatch


# The SDK has no public way to see, order or remove processors: its own tuple is read, and replaced as the SDK replaces
# it, by another tuple under its lock. Where a provider has none (Logfire's, say), these do nothing.


def _processors(provider: Any) -> tuple[Any, ...]:
    found = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    return found if isinstance(found, tuple) else ()


def _put_first(provider: Any, processor: CarbonSpanProcessor) -> None:
    """Put `processor` before all others, on SDKs where it must come before the exporting one."""
    if processor in _processors(provider):
        multi = provider._active_span_processor  # noqa: SLF001 - see above
        with multi._lock:  # noqa: SLF001
            others = tuple(one for one in multi._span_processors if one is not processor)  # noqa: SLF001
            multi._span_processors = (processor, *others)  # noqa: SLF001
    else:
        _log.warning("carbonspan: on this OpenTelemetry SDK it must be registered before the exporting processor")


def _detach(provider: Any, processor: CarbonSpanProcessor) -> None:
    """Take `processor` out of `provider`, and silence it for spans on their way and providers that keep it."""
    processor._on_ending = processor.on_end = _ignore  # type: ignore[method-assign] # noqa: SLF001 - ours
    if processor in _processors(provider):
        multi = provider._active_span_processor  # noqa: SLF001 - see above
        with multi._lock:  # noqa: SLF001
            multi._span_processors = tuple(one for one in multi._span_processors if one is not processor)  # noqa: SLF001
    processor.shutdown()


def _ignore(span: object) -> None:
    pass
