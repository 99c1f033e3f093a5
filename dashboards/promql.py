# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The PromQL that panels are made of: figures per request, quantiles and shares, without a division by zero.

Names are those that the Collector's `prometheusremotewrite` exporter and Prometheus' own OTLP receiver give the
metrics of docs/reference/metrics.md.
"""

from __future__ import annotations

EMISSIONS = "carbon_request_emissions_grams"
"""Histogram, g of CO2e of one request."""
EMISSIONS_SUM = f"{EMISSIONS}_sum"
REQUESTS = f"{EMISSIONS}_count"
DURATION = "carbon_request_duration_seconds"
"""Histogram, s of one request."""
LOW = "carbon_emissions_low_bound_grams_total"
HIGH = "carbon_emissions_high_bound_grams_total"
EMBODIED = "carbon_emissions_embodied_grams_total"
CACHE_SAVINGS = "carbon_emissions_cache_savings_grams_total"
ENERGY = "carbon_energy_joules_total"
WATER = "carbon_water_L_total"
TOKENS = "carbon_request_tokens_total"
COST = "carbon_request_cost_USD_total"
SPANS = "carbonspan_spans_total"
REFRESHES = "carbonspan_grid_refreshes_total"
GRID = "carbonspan_grid_intensity_grams_per_kWh"
GRID_AGE = "carbonspan_grid_age_seconds"

STEP = "$__rate_interval"
"""The window of a curve: never shorter than four scrapes."""
RANGE = "$__range"
"""The window of a single figure: all that the time picker shows."""

PROCESS = 'service_name=~"$service", deployment_environment_name=~"$environment"'
"""Matchers that every metric of carbonspan has labels for, with `service.*` promoted from the resource."""

ANY_BASIS = f'{PROCESS}, gen_ai_request_model=~"$model", $flag=~"$variant", $cohort=~"$group"'
REQUESTS_SHOWN = f'{ANY_BASIS}, carbon_intensity_basis="$basis"'
"""Matchers of the requests that are chosen above: in one basis, for two never belong in one sum."""


def total(metric: str, select: str, by: str = "", window: str = STEP) -> str:
    """Return a counter's growth a second over `window`, added up for each value of the labels `by`."""
    return f"sum{_by(by)}(rate({metric}{{{select}}}[{window}]))"


def growth(metric: str, select: str, by: str = "", window: str = RANGE) -> str:
    """Return by how much a counter grew over `window`, in its own unit, for each value of the labels `by`."""
    return f"sum{_by(by)}(increase({metric}{{{select}}}[{window}]))"


def ratio(part: str, whole: str) -> str:
    """Return `part` over `whole` where there is a whole: nothing, and not NaN, where there was no traffic."""
    return f"{part} / ({whole} > 0)"


def share(part: str, whole: str) -> str:
    """Return each value of `part` over the one value of `whole`, whatever the labels of `part` are."""
    return f"{part} / on () group_left () ({whole} > 0)"


def per_request(metric: str, select: str, by: str = "", window: str = STEP) -> str:
    """Return a counter's growth for each request, in the counter's own unit."""
    return ratio(total(metric, select, by, window), total(REQUESTS, select, by, window))


def quantile(share: float, histogram: str, select: str, by: str = "", window: str = STEP) -> str:
    """Return a quantile of a histogram, in its own unit; `>= 0` drops the NaN of a time without traffic."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {total(f'{histogram}_bucket', select, labels, window)}) >= 0"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
