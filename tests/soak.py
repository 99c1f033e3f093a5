# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Ends fuzzed spans by the million: nothing leaves a hook, nothing impossible is written, memory stays flat.

`make soak` ends ten million; `python tests/soak.py 200000` fewer. A short one runs with the tests.
"""

from __future__ import annotations

import json
import logging
import math
import random
import resource
import sys
from collections import deque
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from carbonspan import CarbonSpanProcessor

SPANS = Path(__file__).resolve().parent / "data" / "spans"
SEED = 20260301
NEVER_ENDED, ORPHANS = 0.01, 0.05
# Resident memory may move by this much once caches are full: 200 fuzzed shapes, hosts and models do not fill a tenth.
MEGABYTES = 24.0
_MB = 1024.0
BOUNDS = (
    ("carbon.emissions.low_grams", "carbon.emissions.grams", "carbon.emissions.high_grams"),
    ("carbon.energy.low_wh", "carbon.energy.wh", "carbon.energy.high_wh"),
)


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """Return scope and attributes of every recorded span."""
    lines = [line for file in sorted(SPANS.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    spans = [json.loads(line) for line in lines]
    return [(span["scope"], span["attributes"]) for span in spans]


class Fuzz:
    """Makes spans that are real but for a few values, names, scopes and times."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)
        self._spans = recorded()

    def span(self) -> tuple[str, dict[str, Any], int, int]:
        """Return scope, attributes, start and end of the next span."""
        rng = self._random
        scope, attributes = rng.choice(self._spans)
        attributes = dict(attributes)
        for _ in range(rng.randrange(4)):
            attributes[rng.choice(list(attributes))] = self._value()
        if rng.random() < 0.1:
            attributes[f"own.{rng.randrange(10**9)}"] = self._value()
        if rng.random() < 0.1:
            attributes["server.address"] = f"h{rng.randrange(10**6)}.example.org"
        if rng.random() < 0.1:
            attributes["cloud.region"] = rng.choice(["eu-west-1", "us-central1", "nowhere-7", "swedencentral"])
        if rng.random() < 0.05:
            scope = f"scope.{rng.randrange(10**6)}"
        start = rng.randrange(1_600_000_000, 1_900_000_000) * 10**9
        return scope, attributes, start, start + rng.choice([-1, 0, 10**9, 5 * 3600 * 10**9])

    def _value(self) -> Any:
        rng = self._random
        return rng.choice(
            [
                rng.randrange(-1000, 0),
                rng.randrange(10**9),
                rng.random() * 10**6,
                math.nan,
                math.inf,
                True,
                "",
                f"model-{rng.randrange(10**6)}",
                "x" * rng.randrange(2000),
                "{'input': 5}",
                [1, 2],
                ("a", "b"),
            ]
        )


class Watch(SpanProcessor):
    """Looks at what an exporter would get."""

    impossible = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Count spans with an attribute of ours that no estimate can have."""
        ours = {name: value for name, value in (span.attributes or {}).items() if name.startswith("carbon.")}
        numbers: dict[str, Any] = {name: value for name, value in ours.items() if not isinstance(value, str)}
        if not all(0.0 <= value < math.inf for value in numbers.values()) or not all(
            numbers[low] <= numbers[central] <= numbers[high] for low, central, high in BOUNDS if central in numbers
        ):
            self.impossible += 1


def soak(spans: int) -> tuple[CarbonSpanProcessor, Watch, float]:
    """End `spans` fuzzed spans; return the processor, what was watched, and the growth of memory in MB."""
    processor, watch = CarbonSpanProcessor(attributes="full"), Watch()
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(watch)
    provider.add_span_processor(processor)
    fuzz, rng = Fuzz(), random.Random(SEED)
    warm = 0.0
    recent: deque[Any] = deque(maxlen=20)  # some have ended, some never will: spans start below all of them
    for ended in range(spans):
        scope, attributes, start, end = fuzz.span()
        chance = rng.random()
        above = None
        if chance < ORPHANS:  # below a span of another process, or of none
            context = SpanContext(rng.getrandbits(128) or 1, rng.getrandbits(64) or 1, is_remote=rng.random() < 0.5)
            above = set_span_in_context(NonRecordingSpan(context))
        elif recent and chance < 0.5:
            above = set_span_in_context(rng.choice(recent))
        # Not a tracer for each scope: the SDK keeps every one it ever made.
        span = provider.get_tracer(scope if not scope.startswith("scope.") else "scope").start_span(
            "s", above, start_time=start, attributes=attributes
        )
        recent.append(span)
        if rng.random() >= NEVER_ENDED:
            span.end(end_time=end)
        if ended == spans // 2:
            warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB
    return processor, watch, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB - warm


def main() -> None:
    """Soak, and say what came of it."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it refuses some of these values, aloud
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    processor, watch, grown = soak(spans)
    sys.stdout.write(f"{spans:,} spans, peak memory +{grown:.1f} MB over the second half, {dict(processor.counts())}\n")
    if processor.counts().get("error") or watch.impossible or grown > MEGABYTES:
        sys.exit("not flat, or not silent")


if __name__ == "__main__":
    main()
