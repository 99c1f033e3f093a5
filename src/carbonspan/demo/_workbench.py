# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo's agent runs on: the real SDKs, instrumented for one tracer provider, and a server on loopback.

Nothing outside the machine is reached, and no key, address or proxy of the environment is used.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from carbonspan.demo._agent import ResearchAgent
from carbonspan.demo._otlp import endpoint
from carbonspan.demo._server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from opentelemetry.sdk.trace import TracerProvider

    from carbonspan.demo._variants import Cohort, Variant

_KEY = "demo-key-that-opens-nothing"
_LOOPBACK_TIMEOUT_SECONDS = 10.0


class DemoError(Exception):
    """The demo cannot run here; the message says why and what to do."""


class _Instrumentor(Protocol):
    """What is used of OpenTelemetry's `BaseInstrumentor`, which carries no types."""

    is_instrumented_by_opentelemetry: bool

    def instrument(self, *, tracer_provider: TracerProvider) -> object: ...

    def uninstrument(self) -> object: ...


class _Sdks(NamedTuple):
    openai: ModuleType
    anthropic: ModuleType
    instrumentors: tuple[_Instrumentor, ...]


def check() -> None:
    """Find out at once whether the demo can run here.

    Raises:
        DemoError: a package of the extra `demo` is missing, or tracing is switched off.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        raise DemoError("OTEL_SDK_DISABLED is true: without spans there is nothing to show")
    for package in ("openai", "anthropic"):
        if find_spec(package) is None:
            raise DemoError(f"the demo needs its extra: pip install 'carbonspan[demo]' ({package} is missing)")


@contextmanager
def workbench(provider: TracerProvider, *, caching: bool = True) -> Iterator[Callable[..., None]]:
    """Yield what runs an agent of `variant` for `cohort` on `case`, traced by `provider`, and tells `on_step`.

    Args:
        provider: Whose spans the SDKs' calls become.
        caching: Whether the server reads what it was sent before from a cache, as the providers' do.

    Raises:
        DemoError: a package of the extra `demo` is missing or does not fit.
    """
    with ExitStack() as stack:
        # Anthropic's SDK traces its calls itself, to the global provider, under the instrumentation's span. One call is
        # to be one span here, also under `opentelemetry-instrument`, which sets a global provider.
        stack.enter_context(_environment("ANTHROPIC_OPEN_TELEMETRY", "false"))
        sdks = _load()
        for instrumentor in sdks.instrumentors:
            if instrumentor.is_instrumented_by_opentelemetry:  # by `opentelemetry-instrument`, for another provider
                instrumentor.uninstrument()
            instrumentor.instrument(tracer_provider=provider)
            stack.callback(instrumentor.uninstrument)
        server = stack.enter_context(LoopbackServer(caching=caching))
        openai_client = stack.enter_context(_client(sdks.openai.OpenAI, sdks.openai, f"{server.url}/v1"))
        anthropic_client = stack.enter_context(_client(sdks.anthropic.Anthropic, sdks.anthropic, server.url))
        tracer = provider.get_tracer("carbonspan.demo")

        def run(*, variant: Variant, cohort: Cohort, case: int, on_step: Callable[[], None]) -> None:
            ResearchAgent(
                openai_client=openai_client,
                anthropic_client=anthropic_client,
                tracer=tracer,
                variant=variant,
                cohort=cohort,
                case=case,
                on_step=on_step,
            ).run()

        yield run


def _load() -> _Sdks:
    try:
        import anthropic  # noqa: PLC0415 - seconds to import, and part of an extra
        import openai  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor  # noqa: PLC0415
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415

        if endpoint():
            from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: F401, PLC0415 - only a check
    except ImportError as error:
        raise DemoError(f"the demo needs its extra: pip install 'carbonspan[demo]' ({error})") from error
    return _Sdks(openai, anthropic, (OpenAIInstrumentor(), AnthropicInstrumentor()))


def _client(kind: Any, sdk: ModuleType, base_url: str) -> Any:
    # Key and address are given, so that none from the environment is used. Nor is a proxy asked for a loopback address:
    # OpenAI's client leaves proxies out with `trust_env`, Anthropic's reads them all the same, and obeys the mount.
    http_client = sdk.DefaultHttpxClient(
        trust_env=False, mounts={"all://127.0.0.1": None}, timeout=_LOOPBACK_TIMEOUT_SECONDS
    )
    return kind(api_key=_KEY, base_url=base_url, max_retries=0, http_client=http_client)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
