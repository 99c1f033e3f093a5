# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What inferences of one model, in one use, at one place, in one hour share: worked out once, then only multiplied.

With `otel/_handler.py` the one place that trades plain code for speed: see docs/explanation/architecture.md. A plan
holds what `estimator` found; its figures are those of `footprint`, written flat, as a property test asserts.
"""

from __future__ import annotations

from math import exp, log, sqrt
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._hours import NS_PER_HOUR
from carbonspan.core.values import NO_LOGARITHM, Range
from carbonspan.estimate.footprint import Footprint, rate
from carbonspan.usage import consistent, first_count, text
from carbonspan.usage._counts import MAX_TOKENS, Reading, count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from carbonspan.core.values import Energy, Intensity, Joules, Site, Usage
    from carbonspan.energy._coefficients import UseCoefficients
    from carbonspan.estimate.footprint import Rates
    from carbonspan.grid._store import HourStore
    from carbonspan.usage import Layout


NO_CACHED, NO_REASONING, NO_INPUT, NO_OUTPUT = 1, 2, 8, 16  # 4 is a task's: see the writer


class Figures(NamedTuple):
    """What one inference amounts to, beside the plan it shares; flat, as every span has one. Ranges: `footprint`."""

    plan: Plan
    start_ns: int
    end_ns: int
    response_id: str
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    it_low_j: float
    it_central_j: float
    it_high_j: float
    cache_savings_it_j: float
    emissions_low_g: float
    emissions_central_g: float
    emissions_high_g: float
    energy_low_wh: float
    energy_central_wh: float
    energy_high_wh: float
    operational_central_g: float
    embodied_central_g: float
    water_central_ml: float
    cache_savings_g: float | None
    total_tokens: int | None
    """Where neither side was reported, only their sum."""
    unknown: int
    """What was not reported: the sum of those of `NO_CACHED`, `NO_REASONING`, `NO_INPUT` and `NO_OUTPUT` that hold."""

    @property
    def usage(self) -> Usage:
        """What was consumed, tokens."""
        return self.plan.usage._replace(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens,
            response_id=self.response_id,
            total_tokens=self.total_tokens,
        )

    def footprint(self) -> Footprint:
        """Return what users are given: the same with ranges, see `footprint.footprint`."""
        plan = self.plan
        it_j = Range(self.it_low_j, self.it_central_j, self.it_high_j)
        return Footprint(
            self.usage,
            plan.energy._replace(it_j=it_j, cache_savings_it_j=self.cache_savings_it_j),
            plan.site,
            plan.intensity,
            Range(self.emissions_low_g, self.emissions_central_g, self.emissions_high_g),
            Range(self.energy_low_wh, self.energy_central_wh, self.energy_high_wh),
            *plan.rates.others_of(rate(it_j)),
            self.cache_savings_g,
        )


class Plan:
    """What inferences share whose texts, place and hour are the same.

    Args:
        usage: Its texts; the counts are each inference's own.
        energy: Its texts; the joules are each inference's own.
        site: Where they ran.
        intensity: The grid there, in the hour.
        rates: What a joule causes there, then.
        scope: The instrumentation scope of their spans.
        outcome: What becomes of their spans where nothing else does.
        coefficients: Joules per token; `None` where the energy model works out each usage by itself.
        reading: How their counts are to be understood; `None` where each is read by itself.
        output_optional: Whether they have no output tokens to report.
        hour: Since 1970, UTC; `None` where they were spread over several, and the plan serves one of them only.
        version: Of the grid's values.
        encodes: Whether they encode their input and generate nothing.
        watched: Whether their spans have an attribute that others are to look at, see `Estimator`.
        server: The host that was called; "" where unknown.
    """

    __slots__ = (
        "_figures",
        "_j_per_token",
        "coefficients",
        "encodes",
        "encodes_tokens",
        "energy",
        "first_ns",
        "intensity",
        "is_plain",
        "labels",
        "last_ns",
        "lasting",
        "outcome",
        "output_optional",
        "rates",
        "reading",
        "scope",
        "server",
        "site",
        "templates",
        "usage",
        "version",
        "watched",
    )

    def __init__(
        self,
        usage: Usage,
        energy: Energy,
        site: Site,
        intensity: Intensity,
        rates: Rates,
        *,
        scope: str,
        outcome: str,
        hour: int | None,
        version: int,
        encodes: bool,
        coefficients: UseCoefficients | None = None,
        reading: Reading | None = None,
        output_optional: bool = False,
        watched: bool = False,
        server: str = "",
    ) -> None:
        self.usage = usage
        self.energy = energy
        self.site = site
        self.intensity = intensity
        self.rates = rates
        self.scope = scope
        self.outcome = outcome
        self.coefficients = coefficients
        self.reading = reading or Reading()
        self.output_optional = output_optional
        self.watched = watched
        self.server = server
        # Whether whole counts stand for themselves: what each includes is as `Usage` has it.
        self.is_plain = (
            reading is not None
            and reading.input_includes_cache is True
            and reading.output_includes_reasoning is True
            and not reading.total_includes_thoughts
        )
        self.version = version
        self.first_ns = 0 if hour is None else hour * NS_PER_HOUR
        self.last_ns = self.first_ns + NS_PER_HOUR
        self.lasting = hour is not None and coefficients is not None
        self.encodes = encodes
        self.encodes_tokens = coefficients is not None and coefficients.encodes  # which know no cache
        # What telemetry lays out once for all spans of a plan.
        self.templates: dict[int, Any] = {}
        self.labels: dict[tuple[object, ...], Any] = {}
        # Joules per token, and by how much context adds to them: see `UseCoefficients`.
        self._j_per_token = (0.0,) * 10 if coefficients is None else coefficients.flat
        # Centre and squared log widths of emissions and facility energy, then three centres: see `footprint.Rates`.
        self._figures = rates.figures

    def figures(  # noqa: PLR0917 - on every LLM span: naming its arguments would show in its cost
        self,
        response_id: str,
        start_ns: int,
        end_ns: int,
        tokens_in: int,
        tokens_out: int,
        cached: int | None,
        written: int | None,
        reasoning: int | None,
        joules: Joules | None = None,
    ) -> Figures:
        """Return what an inference with these counts amounts to: `footprint.footprint`, flat.

        Args:
            response_id: Of its answer.
            start_ns: When it started, nanoseconds since the epoch.
            end_ns: When it ended.
            tokens_in: Its input, with what was cached and written to the cache.
            tokens_out: Its output, with reasoning.
            cached: Its cached input; `None` where that is not known.
            written: Its cache write; `None` where that is not known.
            reasoning: Its reasoning; `None` where that is not known.
            joules: Its energy (IT) where `coefficients` do not say.
        """
        if joules is not None:
            low_j, central_j, high_j, saved_j = joules
        else:
            # `UseCoefficients.joules` written out, for whole counts within limits.
            out_low, out, out_high, in_low, fresh, in_high, read_low, read, read_high, per_context_token = (
                self._j_per_token
            )
            context = 1.0 + tokens_in * per_context_token
            if cached is None:
                kept = tokens_in if self.encodes_tokens else written or 0
                weighted = tokens_in * context
                least = in_low * context
                low_j = least * kept + (min(read, least)) * (tokens_in - kept) + out_low * tokens_out
                central_j = fresh * weighted + out * tokens_out
                high_j = in_high * weighted + out_high * tokens_out
                saved_j = 0.0
            else:
                weighted = (tokens_in - cached) * context
                low_j = in_low * weighted + read_low * cached + out_low * tokens_out
                central_j = fresh * weighted + read * cached + out * tokens_out
                high_j = in_high * weighted + read_high * cached + out_high * tokens_out
                saved_j = (fresh * context - read) * cached
                saved_j = saved_j if saved_j > 0.0 else 0.0  # noqa: FURB136 - `max` is a call
        per_g, g_below, g_above, per_wh, wh_below, wh_above, operational, embodied, water = self._figures
        central_g, central_wh = per_g * central_j, per_wh * central_j
        if low_j <= NO_LOGARITHM or central_g <= NO_LOGARITHM or central_wh <= NO_LOGARITHM:
            it_j = rate(Range(low_j, central_j, high_j))
            low_g, central_g, high_g = self.rates.emissions_g.times(it_j)
            low_wh, central_wh, high_wh = self.rates.facility_wh.times(it_j)
        else:
            # `Rate.times` written out, twice: the calls would cost as much as the logarithms.
            below, above = log(central_j / low_j), log(high_j / central_j)
            below *= below
            above *= above
            low_g, high_g = central_g * exp(-sqrt(g_below + below)), central_g * exp(sqrt(g_above + above))
            low_wh, high_wh = central_wh * exp(-sqrt(wh_below + below)), central_wh * exp(sqrt(wh_above + above))
        # Through `tuple` itself: a named tuple's own constructor takes twice as long.
        return tuple.__new__(
            Figures,
            (
                self,
                start_ns,
                end_ns,
                response_id,
                tokens_in,
                tokens_out,
                cached,
                written,
                reasoning,
                low_j,
                central_j,
                high_j,
                saved_j,
                low_g,
                central_g,
                high_g,
                low_wh,
                central_wh,
                high_wh,
                operational * central_j,
                embodied * central_j,
                water * central_j,
                None if cached is None else saved_j * per_g,
                None,
                (NO_CACHED if cached is None else 0) + (NO_REASONING if reasoning is None else 0),
            ),
        )


# At most: an application has some tens of groups with a few plans each; whoever names a model per request starts over.
MAX_GROUPS = 256
MAX_PLANS = 64
_MAX_NAMES = 256
_MAX_TEXT = 256


class _Group(NamedTuple):
    """Spans of one scope with the same attribute names."""

    layout: Layout
    identity: Callable[[Mapping[str, Any]], Any]  # the values that decide on model, use and place
    plans: dict[Any, tuple[Plan, Mapping[str, Any]]]  # each with the resource it was made for


class Plans:
    """The plans of one estimator. Bounded; safe between threads, since entries are only ever replaced whole."""

    def __init__(self, store: HourStore) -> None:
        self._store = store
        self._groups: dict[tuple[str, ...], _Group] = {}

    def find(
        self, attributes: Mapping[str, Any], scope: str, start_ns: int, end_ns: int, resource: Mapping[str, Any]
    ) -> Figures | None:
        """Return what a span amounts to whose plan is known; `None` where the estimator must read it."""
        group = self._groups.get((scope, *attributes))
        if group is None:
            return None
        layout, identity, plans = group
        try:
            plan, known_resource = plans[identity(attributes)]
        except (KeyError, TypeError):  # not met before, or a list where a text should be
            return None
        last_ns = plan.last_ns
        if not (
            plan.first_ns <= start_ns < last_ns
            and end_ns <= last_ns
            and plan.version == self._store.version
            and (resource is known_resource or resource == known_resource)
        ):
            return None
        get = attributes.get
        n_in, n_out, n_cached, n_written, n_reasoning, n_total, n_id = layout.names
        tokens_in, tokens_out, reasoning = get(n_in), get(n_out), get(n_reasoning)
        cached, written = get(n_cached), get(n_written)
        response_id = get(n_id, "")
        if (
            not layout.ambiguous
            and plan.is_plain
            and type(tokens_in) is int
            and type(tokens_out) is int
            and written is None
            and (reasoning is None or (type(reasoning) is int and 0 <= reasoning <= tokens_out))
            and (cached is None or (type(cached) is int and 0 <= cached <= tokens_in))
            and (not n_total or not (cached or reasoning) or get(n_total) == tokens_in + tokens_out)
            and 0 < tokens_in <= MAX_TOKENS
            and 0 <= tokens_out <= MAX_TOKENS
            and (tokens_out or not n_total)
        ):
            pass  # whole numbers that stand for themselves: nearly every span
        else:
            raw = [tokens_in, tokens_out, cached, written, reasoning, get(n_total)]
            for at, names in layout.ambiguous:
                raw[at] = first_count(get, names)
            if raw[0] is None or raw[1] is None or any(value is not None and count(value) is None for value in raw):
                return None  # something is missing or no count: the reader knows where else to look
            found = consistent(tuple(raw), plan.reading, plan.output_optional)  # type: ignore[arg-type] # it has six
            tokens_in, tokens_out, cached, written, reasoning, problem = found
            if problem or tokens_in is None or tokens_out is None:
                return None
        if type(response_id) is not str or len(response_id) > _MAX_TEXT or response_id.isspace():
            response_id = text(response_id)
        return plan.figures(response_id, start_ns, end_ns, tokens_in, tokens_out, cached, written, reasoning)

    def remember(  # noqa: PLR0917 - what `find` is given, and what was found
        self,
        attributes: Mapping[str, Any],
        scope: str,
        layout: Layout,
        locating: Iterable[str],
        plan: Plan,
        resource: Mapping[str, Any],
    ) -> None:
        """Keep the plan of a span for those that are like it.

        Args:
            attributes: The span's.
            scope: Its instrumentation scope.
            layout: Where it holds its counts.
            locating: Names of attributes that may say where it ran.
            plan: Its plan.
            resource: The attributes of its resource.
        """
        key = (scope, *attributes)
        group = self._groups.get(key)
        if group is None:
            if len(key) > _MAX_NAMES:
                return
            if len(self._groups) >= MAX_GROUPS:
                self._groups = {}  # new ones: another thread may be reading the old
            names = dict.fromkeys((*layout.deciding, *(name for name in locating if name in attributes)))
            group = self._groups[key] = _Group(layout, itemgetter(*names), {})
        identity = group.identity(attributes)
        values = identity if type(identity) is tuple else (identity,)
        if all(type(value) is str and len(value) <= _MAX_TEXT for value in values):
            if len(group.plans) >= MAX_PLANS:
                group.plans.clear()
            group.plans[identity] = (plan, resource)

    def sizes(self) -> dict[str, int]:
        """Return how many groups there are, and how many plans in them."""
        groups = tuple(self._groups.values())
        return {"groups": len(groups), "known": sum(len(group.plans) for group in groups)}
