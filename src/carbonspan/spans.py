# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The SDK's ended span on the road, and what it gets: the step that processor and exporter share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbonspan.telemetry import role_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from carbonspan.enrich import Enrichment, Road
    from carbonspan.footprint import Footprint
    from carbonspan.telemetry.attributes import Value


def enrich(road: Road, span: ReadableSpan, attributes: Mapping[str, Any]) -> Enrichment | None:
    """Return what a span emitted, or `None` where it is no LLM span; `attributes` are its own, however they were read.

    A span without a start takes the hour of its end.
    """
    scope = span.instrumentation_scope
    end_ns = span.end_time or 0
    return road.enrich(
        attributes, scope.name if scope else "", span.start_time or end_ns, end_ns, span.resource.attributes
    )


def additions(found: Enrichment, attributes_of: Callable[[Footprint], dict[str, Value]]) -> dict[str, Value]:
    """Return the attributes to add, most important first: a footprint's, or the role of a span that is not counted."""
    if found.footprint is not None:
        return attributes_of(found.footprint)
    return role_attributes(found.usage.role) if found.usage else {}
