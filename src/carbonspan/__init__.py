# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Energy and carbon on every LLM span of an OpenTelemetry pipeline: what users import, nothing else."""

from typing import TYPE_CHECKING, Any

from carbonspan.core.values import Range
from carbonspan.estimate.footprint import Footprint
from carbonspan.otel.exporter import CarbonSpanExporter
from carbonspan.otel.processor import CarbonSpanProcessor
from carbonspan.otel.sampler import CarbonSampler
from carbonspan.runtime import estimate
from carbonspan.telemetry.recorder import InferenceRecord
from carbonspan.version import __version__

if TYPE_CHECKING:
    from carbonspan.otel.instrumentor import CarbonInstrumentor

__all__ = [
    "CarbonInstrumentor",
    "CarbonSampler",
    "CarbonSpanExporter",
    "CarbonSpanProcessor",
    "Footprint",
    "InferenceRecord",
    "Range",
    "__version__",
    "estimate",
]


def __getattr__(name: str) -> Any:
    # OpenTelemetry's base class for instrumentors takes longer to import than all of carbonspan: only who asks pays.
    if name == "CarbonInstrumentor":
        from carbonspan.otel.instrumentor import CarbonInstrumentor  # noqa: PLC0415

        return CarbonInstrumentor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
