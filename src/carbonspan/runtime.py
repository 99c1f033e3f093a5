# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The estimate for one inference without a span: the function behind `carbonspan.estimate` and the command."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from carbonspan.core._options import Settings
from carbonspan.core._outcome import Role
from carbonspan.core.values import Usage
from carbonspan.estimate._estimator import Road
from carbonspan.usage._counts import MAX_TOKENS
from carbonspan.usage._providers import canonical, inferred

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from carbonspan.core._options import Options
    from carbonspan.estimate.footprint import Footprint

NS_PER_S = 1_000_000_000


def estimate(
    *,
    model: str,
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
    provider: str = "",
    operation: str = "chat",
    at: datetime | None = None,
    **options: Unpack[Options],
) -> Footprint:
    """Return the estimated footprint of one inference: joules, grams CO2e, millilitres, each with bounds.

    The same road as a span's: see docs/explanation/methodology.md.

    Args:
        model: The model's name as its provider spells it. An unknown one gets a class default with wide bounds.
        input_tokens: All input tokens, cached ones included.
        output_tokens: All output tokens, reasoning included.
        cached_input_tokens: How many of the input tokens were read from a prompt cache.
        provider: Who answers, in OpenTelemetry's spelling (`openai`, `aws.bedrock`); empty: from the model's name.
        operation: `chat`, `embeddings`, ...
        at: When; an aware datetime. Empty: now.
        **options: As `CarbonSpanProcessor` takes them. `region` here is where the inference ran.

    Raises:
        ValueError: for a wrong argument, naming it, its value and what is allowed.
    """
    for name, text in (("model", model), ("provider", provider), ("operation", operation)):
        if not isinstance(text, str):
            raise ValueError(f"{name} is {text!r}; allowed: a string")
    _check_tokens("input_tokens", input_tokens, MAX_TOKENS)
    _check_tokens("output_tokens", output_tokens, MAX_TOKENS)
    _check_tokens("cached_input_tokens", cached_input_tokens, input_tokens)
    moment = datetime.now(timezone.utc) if at is None else at
    if getattr(moment, "tzinfo", None) is None:
        raise ValueError(f"at is {at!r}; allowed: a datetime with a time zone")
    ns = int(moment.timestamp() * NS_PER_S)
    if ns < 0:
        raise ValueError(f"at is {at!r}; allowed: 1970 or later")
    if options.get("region"):
        # Here it is where the call did run, not an assumption. The span's road fills in whose machines those are.
        options = {**options, "regions": {"*": options["region"]}}
    settings = Settings.resolve(options, os.environ)
    road = Road.of(settings, start=False)
    usage = Usage(
        role=Role.INFERENCE,
        operation=operation,
        provider=canonical(provider) or inferred("", model),
        model=model,
        request_model=model,
        dialect="estimate",
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached_input_tokens,
    )
    try:
        place = road.locate({}, usage, {})
        footprint = road.footprint(usage, place, ns, ns)
    finally:
        road.close()
    if footprint is None:
        raise ValueError(
            f"option 'basis_strict' is True, but no {settings.basis.value} intensity is known for {place.region}; "
            "allowed: another basis or region"
        )
    return footprint


def _check_tokens(name: str, value: object, limit: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number from 0 to {limit}")
