# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the package's own calls out of the traces that it is there to measure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opentelemetry import context

if TYPE_CHECKING:
    from collections.abc import Iterator

# The names under which OpenTelemetry's instrumentations look for "not this call". The plain texts are those of
# opentelemetry.instrumentation.utils; the keys of opentelemetry.context are made unique per process, so they are
# looked up there, and left out where an older or a newer API has none.
_SUPPRESSED = tuple(
    key
    for key in (
        "suppress_instrumentation",
        "suppress_http_instrumentation",
        getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None),
        getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", None),
    )
    if isinstance(key, str)
)


@contextlib.contextmanager
def untraced() -> Iterator[None]:
    """Let no instrumentation see what is called inside."""
    current = context.get_current()
    for key in _SUPPRESSED:
        current = context.set_value(key, True, current)  # noqa: FBT003 - OpenTelemetry's signature
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)
