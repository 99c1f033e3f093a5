# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What an inference cost in USD: what its span says, else list prices by the package `genai-prices` (extra `cost`).

Not part of the footprint: it stands beside it, so that a dashboard can show both per request.
"""

from __future__ import annotations

import logging
import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import NS_PER_HOUR, clamped, hour_start
from carbonspan.usage._embedded import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from carbonspan.estimate._plan import Figures

_log = logging.getLogger("carbonspan")

# Where a span has its own cost, USD: Pydantic AI; OpenLIT and OpenRouter; the conventions' proposal
# (semantic-conventions-genai #443); LiteLLM, version 1 and 2; OpenInference; OpenLLMetry's users; Sentry's conventions;
# Langfuse and MLflow, as JSON.
ATTRIBUTES = (
    "operation.cost",
    "gen_ai.usage.cost",
    "gen_ai.usage.cost.amount",
    "gen_ai.usage.cost_usd",
    "gen_ai.usage.total_cost",
    "gen_ai.cost.total_cost",
    "litellm.cost.total",
    "llm.cost.total",
    "llm.usage.total_cost",
    "gen_ai.cost.total_tokens",
    "langfuse.observation.cost_details",
    "mlflow.llm.cost",
)
_AMOUNT, _CURRENCY = "gen_ai.usage.cost.amount", "gen_ai.usage.cost.currency"
# Where it has the input's and the output's, and what is added to them: OpenRouter, Laminar and Langtrace; LiteLLM 1 and
# 2 (cost_breakdown); OpenInference (semantic conventions 0.1.42); Sentry's conventions.
PARTS: tuple[tuple[str, str, str], ...] = (
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost", ""),
    ("gen_ai.cost.input_cost", "gen_ai.cost.output_cost", "gen_ai.cost.tool_usage_cost"),
    ("litellm.cost.input", "litellm.cost.output", "litellm.cost.tool_usage"),
    ("llm.cost.prompt", "llm.cost.completion", ""),
    ("gen_ai.cost.input_tokens", "gen_ai.cost.output_tokens", ""),
)
# What adds up to a part that is not there itself (OpenInference, as above): each of it under one of its names.
_DETAILS: dict[str, tuple[tuple[str, ...], ...]] = {
    "llm.cost.prompt": tuple(
        tuple(f"llm.cost.prompt_details.{name}" for name in names)
        for names in (("input",), ("cache_read", "cache_input"), ("cache_write",), ("audio",))
    ),
    "llm.cost.completion": tuple((f"llm.cost.completion_details.{name}",) for name in ("output", "reasoning", "audio")),
}
NAMES = frozenset(ATTRIBUTES).union(
    (name for part in PARTS for name in part if name),
    (name for details in _DETAILS.values() for names in details for name in names),
)
# Within a cost as JSON: Langfuse's keys are its users' own, as those of `usage_details` are; MLflow's end in _cost.
_TOTALS = ("total", "total_cost")
_INPUT, _OUTPUT = ("input", "prompt"), ("output", "completion")
# No one call costs more: a full context of the dearest model on offer is below 1,000 USD, and a swapped field is not.
MAX_USD = 10_000.0


def stated(attributes: Mapping[str, Any]) -> object:
    """Return what a span says it cost, for `usd`; `None` where it does not say, or not in USD.

    A number is the whole. Whatever else there is (text, parts) is put together later, off the path of the span.
    """
    in_usd = attributes.get(_CURRENCY, "USD") == "USD"
    for name in ATTRIBUTES:
        value = attributes.get(name)
        if value is not None and (in_usd or name != _AMOUNT) and _number(value) is not None:
            return value
    names = NAMES.intersection(attributes)
    return {name: attributes[name] for name in names if in_usd or name != _AMOUNT} or None


def usd(value: object, figures: Figures | None = None) -> float | None:
    """Return a stated cost as a number of USD; `None` where it is none.

    Args:
        value: What `stated` returned, or the value of one attribute.
        figures: Of the inference. The cost of one side only is the whole if the other had no tokens.
    """
    if isinstance(value, dict):
        whole = (_one(value.get(name), figures) for name in ATTRIBUTES)
        parts = (_sum_of(value, *part, figures) for part in PARTS)
        return next((found for ways in (whole, parts) for found in ways if found is not None), None)
    return _one(value, figures)


def _one(value: object, figures: Figures | None) -> float | None:
    if not isinstance(value, str) or "{" not in value:
        return _number(value)
    found = parse(value)
    return None if found is None else _of_object(found, figures)


def _number(value: object) -> float | None:
    """Return a plausible cost; `None` for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0.0 <= value <= MAX_USD and math.isfinite(value) else None


def _of_object(found: Mapping[str, object], figures: Figures | None) -> float | None:
    """Return the total of an object of costs, else the sum of what is in it, but for nested objects."""
    for name in _TOTALS:
        total = _number(found.get(name))
        if total is not None:
            return total
    numbers = ((key, _number(value)) for key, value in found.items() if key not in _TOTALS and "." not in key)
    costs = {key: cost for key, cost in numbers if cost is not None}
    has_input, has_output = (any(key.startswith(side) for key in costs) for side in (_INPUT, _OUTPUT))
    if not costs or (has_input != has_output and not _complete(has_input, has_output, figures)):
        return None
    return _number(sum(costs.values()))


def _sum_of(
    attributes: Mapping[str, object], of_input: str, of_output: str, added: str, figures: Figures | None
) -> float | None:
    """Return the sum of a cost in parts; `None` where one is missing that should be there."""
    sides = [_part(attributes, name) for name in (of_input, of_output)]
    if not _complete(sides[0] is not None, sides[1] is not None, figures):
        return None
    return _number(sum(cost or 0.0 for cost in (*sides, _number(attributes.get(added)))))


def _part(attributes: Mapping[str, object], name: str) -> float | None:
    found = _number(attributes.get(name))
    if found is not None or name not in _DETAILS:
        return found
    details = [_number(next((attributes[key] for key in keys if key in attributes), None)) for keys in _DETAILS[name]]
    return sum(cost or 0.0 for cost in details) if any(cost is not None for cost in details) else None


def _complete(has_input: bool, has_output: bool, figures: Figures | None) -> bool:  # noqa: FBT001 - two of a sort
    """Return whether the sides whose cost is stated are all that there were."""
    if has_input and has_output:
        return True
    if figures is None:
        return False
    return (has_input and figures.output_tokens == 0) or (has_output and figures.input_tokens == 0)


# OpenTelemetry's provider names to those of genai-prices 0.2; others are the same in both, or told by the model.
_PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
_MAX_MODELS = 1024
_PER_MILLION = 1e-6
_ALWAYS = -1  # in place of an hour


class _Price(NamedTuple):
    """USD per token: what holds up to a number of input tokens, and what from there on for the whole request."""

    base: float
    tiers: tuple[tuple[float, float], ...] = ()  # from so many input tokens on, highest first

    def at(self, input_tokens: int) -> float:
        return next((price for start, price in self.tiers if input_tokens > start), self.base)


class _Rates(NamedTuple):
    fresh: _Price
    cached: _Price
    cache_write: _Price
    output: _Price
    per_request: float
    lasting: bool  # one price at all times

    def usd(self, figures: Figures) -> float:
        """Return the list price of what is reported: the whole, or (one side, or only the total) no more than it."""
        total = figures.input_tokens or figures.total_tokens or 0
        cached, written = figures.cached_input_tokens or 0, figures.cache_write_tokens or 0
        fresh = max(0, total - cached - written)
        return (
            self.fresh.at(total) * fresh
            + self.cached.at(total) * cached
            + self.cache_write.at(total) * written
            + self.output.at(total) * (figures.output_tokens or 0)
            + self.per_request
        )


class Prices:
    """List prices by model, looked up once for each: the package's own calculation takes 100 microseconds a call.

    The package is imported when first asked for, which takes a fifth of a second: never on the path of a span.
    """

    def __init__(self) -> None:
        self.installed = find_spec("genai_prices") is not None
        self._package: Any = None
        self._failed = False  # it was logged
        self._known: dict[tuple[str, str, int], _Rates | None] = {}

    def usd(self, figures: Figures, *, idle: bool) -> float | None:
        """Return the list price of an inference in USD; `None` where the model is not priced, or nobody can tell yet.

        Args:
            figures: Of the inference. Some prices depend on the hour of the day in which it started.
            idle: Whether the package may be imported now.
        """
        if not self.installed or (self._package is None and not idle):
            return None
        usage = figures.plan.usage
        model, hour = usage.model or usage.request_model, clamped(figures.start_ns // NS_PER_HOUR)
        always, then = (usage.provider, model, _ALWAYS), (usage.provider, model, hour)
        key = always if always in self._known else then
        try:
            rates = self._known[key]  # at once: another thread may clear it
        except KeyError:
            if len(self._known) >= _MAX_MODELS:
                self._known.clear()
            rates = self._priced(usage.provider, model, hour_start(hour))
            self._known[always if rates is None or rates.lasting else then] = rates
        return None if rates is None else rates.usd(figures)

    def _priced(self, provider: str, model: str, when: datetime) -> _Rates | None:
        try:
            return self._look_up(provider, model, when)
        except Exception:  # noqa: BLE001 - a package that does not load, or fails: grams and tokens are counted all the same
            if not self._failed:
                self._failed = True
                _log.warning("carbonspan: genai-prices fails; what it has no price for costs nothing", exc_info=True)
            self.installed = self._package is not None
            return None

    def _look_up(self, provider: str, model: str, when: datetime) -> _Rates | None:
        if self._package is None:
            import genai_prices  # noqa: PLC0415 - see above

            self._package = genai_prices
        for provider_id in dict.fromkeys((_PROVIDERS.get(provider, provider) or None, None)):
            try:
                found = self._package.calc_price(
                    self._package.Usage(input_tokens=1, output_tokens=1),
                    model,
                    provider_id=provider_id,
                    genai_request_timestamp=when,
                )
            except (LookupError, ValueError):
                continue
            return _rates(found)
        return None


def _rates(found: Any) -> _Rates | None:
    prices = found.model_price
    fresh, output = _price(prices, "input_mtok"), _price(prices, "output_mtok")
    per_request = getattr(prices, "requests_kcount", None)
    if fresh is None and output is None:
        return None  # priced by the image or the second, say
    fresh = fresh or _Price(0.0)
    return _Rates(
        fresh,
        _price(prices, "cache_read_mtok") or fresh,
        _price(prices, "cache_write_mtok") or fresh,
        output or _Price(0.0),
        0.0 if per_request is None else float(per_request) / 1000.0,
        not isinstance(found.model.prices, list),
    )


def _price(prices: Any, name: str) -> _Price | None:
    value = getattr(prices, name, None)
    if value is None:
        return None
    tiers = getattr(value, "tiers", None)
    if tiers is None:
        return _Price(float(value) * _PER_MILLION)
    above = sorted(((float(tier.start), float(tier.price) * _PER_MILLION) for tier in tiers), reverse=True)
    return _Price(float(value.base) * _PER_MILLION, tuple(above))
