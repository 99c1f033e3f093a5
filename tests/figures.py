# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of one inference, as the estimator works them out for a span, for tests of what comes after it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from carbonspan.core._options import Settings
from carbonspan.core._outcome import Role
from carbonspan.core.values import Usage
from carbonspan.runtime import Runtime
from carbonspan.usage._providers import inferred

if TYPE_CHECKING:
    from carbonspan.estimate._plan import Figures


@cache
def runtime() -> Runtime:
    return Runtime.of(Settings.resolve({}, {}))


def figures(
    model: str = "gpt-4o",
    provider: str = "",
    *,
    tokens: tuple[int, int, int | None] = (1200, 300, 1000),
    response_id: str = "",
    start_ns: int = 0,
    end_ns: int | None = None,
    scope: str = "a",
    operation: str = "chat",
    server: str = "",
) -> Figures:
    tokens_in, tokens_out, cached = tokens
    usage = Usage(
        Role.INFERENCE,
        operation,
        provider or inferred("", model),
        model,
        model,
        "test",
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cached_input_tokens=cached,
        response_id=response_id,
    )
    estimator = runtime().estimator
    found = estimator.figures(
        usage,
        estimator.place({}, usage, {}),
        start_ns,
        start_ns + 10 if end_ns is None else end_ns,
        scope=scope,
        server=server,
    )
    assert found is not None
    return found
