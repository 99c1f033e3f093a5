# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The matrix: which stack is run under which instrumentations, and in which environment."""

from __future__ import annotations

from typing import NamedTuple

from tests.matrix.instrumentors import OFFICIAL, OPENINFERENCE, TRACELOOP

_ALONE_AND_IN_PAIRS = (
    (OFFICIAL,),
    (TRACELOOP,),
    (OPENINFERENCE,),
    (OFFICIAL, TRACELOOP),
    (OFFICIAL, OPENINFERENCE),
    (TRACELOOP, OPENINFERENCE),
)
_WITH_CLIENT = ((OFFICIAL, "openai/official"), (TRACELOOP, "openai/traceloop"), (OPENINFERENCE, "openai/official"))
# A framework's own spans, under those of an instrumented client.
_NATIVE_AND_CLIENT = ((), ("openai/official",), ("openai/traceloop",), ("openai/openinference",))
_ANYONES = (OFFICIAL, TRACELOOP, OPENINFERENCE)


# What the spans of a case say of its calls.
EACH = "each"  # every call, on a span of its own: nearly always
SUM = "sum"  # their sum, on one span that held them
PART = "part"  # some calls are on no span: then none may be counted twice


class Case(NamedTuple):
    """One process: a program, and what watches it."""

    environment: str  # environments/<this>.txt
    stack: str  # stacks/<this>.py
    parts: tuple[str, ...]  # whose instrumentations of the stack; of another package as "package/whose"
    calls: int  # that the program makes: the server counts them too, and its count is the one that is used
    tells: str = EACH
    alike: bool = False  # whether all calls are charged the same

    @property
    def name(self) -> str:
        """What the case is called in reports and recordings."""
        return "+".join(self.parts) or "native"


def _cases(environment: str, stack: str, calls: int, *parts: tuple[str, ...]) -> list[Case]:
    return [Case(environment, stack, names, calls) for names in parts]


CASES: tuple[Case, ...] = (
    *_cases("clients", "openai", 6, *_ALONE_AND_IN_PAIRS),
    *(Case("clients", "openai_crowd", parts, 24, alike=True) for parts in _ALONE_AND_IN_PAIRS),
    *_cases("clients", "openai_queue", 3, *_ALONE_AND_IN_PAIRS),
    # The client has spans of its own as well.
    *_cases("clients", "anthropic", 5, (), *_ALONE_AND_IN_PAIRS),
    *_cases("clients", "gemini", 6, *_ALONE_AND_IN_PAIRS),
    *_cases("clients", "bedrock", 5, *_ALONE_AND_IN_PAIRS),
    *_cases("agents", "pydantic_ai", 3, *_NATIVE_AND_CLIENT),
    *_cases("agents", "langchain", 3, *_ALONE_AND_IN_PAIRS, *_WITH_CLIENT),
    # The official one leaves usage to the client's.
    Case("agents", "openai_agents", (OFFICIAL,), 3, PART),
    # OpenInference's takes the place of the others, so it comes first.
    *_cases("agents", "openai_agents", 3, (TRACELOOP,), (OPENINFERENCE,), (OFFICIAL, TRACELOOP)),
    *_cases("agents", "openai_agents", 3, (OPENINFERENCE, OFFICIAL), (OPENINFERENCE, TRACELOOP), *_WITH_CLIENT),
    *_cases("agents", "logfire", 3, *_NATIVE_AND_CLIENT),
    *_cases("agents", "logfire_pydantic_ai", 3, *_NATIVE_AND_CLIENT),
    *_cases("agents", "langfuse", 3, *_NATIVE_AND_CLIENT),
    *_cases("agents", "langfuse_langchain", 3, *_NATIVE_AND_CLIENT),
    *_cases("openai2", "strands", 3, *_NATIVE_AND_CLIENT),
    *_cases("openai2", "openlit", 3, *_NATIVE_AND_CLIENT),
    # Neither says what a call consumed; Traceloop's has the crew's sum, as text.
    Case("openai2", "crewai", (OPENINFERENCE,), 3, PART),
    Case("openai2", "crewai", (TRACELOOP,), 3, SUM),
    *_cases("openai2", "crewai", 3, (OPENINFERENCE, "openai/official"), (TRACELOOP, "openai/official")),
    *_cases("adk", "adk", 3, (), ("gemini/official",), ("gemini/openinference",)),
    # With OpenInference's, the model's attributes go onto the agent's span, each call's over those of the one before.
    Case("adk", "adk", (OPENINFERENCE,), 3, PART),
    *_cases("adk", "adk", 3, (OPENINFERENCE, "gemini/openinference")),
    *_cases("adk", "litellm", 3, ("callback",), ("request_span",), ("v2",), (OPENINFERENCE,)),
    # Three questions, one call: the others are answered from a cache.
    *_cases("adk", "litellm_cache", 1, ("callback",)),
    *_cases("adk", "litellm", 3, ("callback", "openai/official"), ("request_span", "openai/openinference")),
    *_cases("adk", "litellm", 3, (OPENINFERENCE, "openai/official"), ("v2", OPENINFERENCE)),
    *_cases("agent_framework", "agent_framework", 6, *(("on_openai", *parts) for parts in _NATIVE_AND_CLIENT)),
    *_cases("agent_framework", "agent_framework", 6, ("on_anthropic",)),
    *(Case("agent_framework", "agent_framework", ("on_anthropic", f"anthropic/{whose}"), 6) for whose in _ANYONES),
)
