# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The variables at the top of each dashboard: which data sources, whose requests, and by which labels."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from dashboards import look, promql

# Series without the label match too: who does not set an environment sees his data all the same.
EVERYTHING = ".*"
# What is neither a cohort nor a flag among the labels of a metric: ours, Prometheus', and what a resource brings along.
NOT_A_COHORT = (
    "__.*|le|quantile|job|instance|exported_.*|carbon_.*|carbonspan_.*|gen_ai_.*|otel_.*|service_.*|deployment_.*"
    "|telemetry_.*|host_.*|os_.*|process_.*|k8s_.*|container_.*|cloud_.*|faas_.*|cluster|namespace|pod|node"
)


def data_source(kind: str, label: str) -> builders.DatasourceVariable:
    """Return the choice of a data source of Grafana's type `kind` ("prometheus", "tempo")."""
    variable = builders.DatasourceVariable(f"{kind}_datasource")
    variable.label(label)
    variable.type(kind)
    return variable


def values(name: str, label: str, description: str, query: str) -> builders.QueryVariable:
    """Return a choice of any number of values, all of them by default."""
    variable = _query(name, label, description, query)
    variable.multi(True)  # noqa: FBT003  # the builder's own signature
    variable.include_all(True)  # noqa: FBT003
    variable.all_value(EVERYTHING)
    variable.current(dashboard.VariableOption(text="All", value="$__all"))
    return variable


def one(name: str, label: str, description: str, query: str, *, regex: str = "") -> builders.QueryVariable:
    """Return a choice of exactly one value: the first in order by default."""
    variable = _query(name, label, description, query)
    if regex:
        variable.regex(regex)
    return variable


def filters(source: dashboard.DataSourceRef) -> builders.AdHocVariable:
    """Return free filters on any other label: Grafana adds them to each query of the data source."""
    variable = builders.AdHocVariable("filters")
    variable.label("More filters")
    variable.description("Any other label, such as carbon_model_tier or carbon_agent_name: added to every query.")
    variable.datasource(source)
    return variable


def service() -> builders.QueryVariable:
    """Return the choice of services."""
    query = f"label_values({promql.REQUESTS}, service_name)"
    return values("service", "Service", "service.name of the application's resource", query)


def environment() -> builders.QueryVariable:
    """Return the choice of environments."""
    query = f'label_values({promql.REQUESTS}{{service_name=~"$service"}}, deployment_environment_name)'
    return values("environment", "Environment", "deployment.environment.name of the application's resource", query)


def model() -> builders.QueryVariable:
    """Return the choice of models, by the name that was asked for."""
    query = f"label_values({promql.REQUESTS}{{{promql.PROCESS}}}, gen_ai_request_model)"
    return values("model", "Model", "The model that requests name (gen_ai.request.model)", query)


def export_interval() -> builders.CustomVariable:
    """Return the choice of how often metrics come in: a window of a rate is four times as long, and never empty."""
    variable = builders.CustomVariable("export_interval")
    variable.label("Export interval")
    variable.description(
        "How often the applications export metrics (OTEL_METRIC_EXPORT_INTERVAL, 60 s unless set). The windows of "
        "curves are four times as long: if it is too short, curves have gaps."
    )
    variable.values("10s,15s,30s,1m,2m,5m")
    variable.current(dashboard.VariableOption(text="1m", value="1m"))
    return variable


def basis() -> builders.QueryVariable:
    """Return the choice of the one basis whose figures are shown: two must never be added."""
    query = f"label_values({promql.REQUESTS}{{{promql.PROCESS}}}, carbon_intensity_basis)"
    description = "What the grid intensity includes. Only requests of this basis are shown: two must never be added."
    variable = one("basis", "Basis", description, query)
    variable.current(dashboard.VariableOption(text="life-cycle", value="life-cycle"))
    return variable


def flag() -> builders.QueryVariable:
    """Return the choice of the feature flag, as a label's name; the model is used where there is no flag."""
    description = (
        "The feature flag to compare by, as the name of its label (CARBONSPAN_FLAGS). Where no flag is configured "
        "the model is used."
    )
    regex = "/^(carbon_flag_.+|gen_ai_request_model)$/"
    return one("flag", "Flag", description, f"label_names({promql.REQUESTS})", regex=regex)


def variant() -> builders.QueryVariable:
    """Return the choice of the flag's variants."""
    query = f"label_values({promql.REQUESTS}{{{promql.PROCESS}}}, $flag)"
    return values("variant", "Variant", "Variants of the flag; the whole dashboard shows only these", query)


def cohort() -> builders.QueryVariable:
    """Return the choice of the cohort, as a label's name; the agent is used where there is no cohort."""
    description = (
        "The cohort to compare by, as the name of its label (CARBONSPAN_COHORTS). Where none is configured the agent "
        "is used."
    )
    regex = f"/^((?!(?:{NOT_A_COHORT})$).+|carbon_agent_name)$/"
    return one("cohort", "Cohort", description, f"label_names({promql.REQUESTS})", regex=regex)


def group() -> builders.QueryVariable:
    """Return the choice of the cohort's values."""
    query = f"label_values({promql.REQUESTS}{{{promql.PROCESS}}}, $cohort)"
    return values("group", "Cohort value", "Values of the cohort; the whole dashboard shows only these", query)


def compared_by() -> builders.QueryVariable:
    """Return the choice of what the two sides differ in: the version, or a feature flag, as a label's name."""
    variable = one(
        "by",
        "Compare by",
        "What the two sides differ in: the service's version, or a feature flag, as the name of its label.",
        f"label_names({promql.REQUESTS})",
        regex="/^(service_version|carbon_flag_.+)$/",
    )
    variable.current(dashboard.VariableOption(text="service_version", value="service_version"))
    return variable


def side(name: str, label: str, *, last: bool) -> builders.QueryVariable:
    """Return the choice of one side: of all values in order the first by default, or the last."""
    query = f"label_values({promql.REQUESTS}{{{promql.PROCESS}}}, $by)"
    variable = one(name, label, f"The version or variant on side {label}; B is compared to A.", query)
    if last:
        variable.sort(dashboard.VariableSort.NATURAL_DESC)
    return variable


def flag_attribute() -> builders.QueryVariable:
    """Return the choice of the feature flag as an attribute's name; the model is used where there is no flag."""
    variable = one(
        "flag_attribute",
        "Flag",
        "The feature flag to compare by, as the name of its attribute. Where there is none the model is used.",
        "",
        regex=r"/^(?:span[.])?(carbon[.]flag[.].+|gen_ai[.]request[.]model)$/",
    )
    variable.datasource(look.TEMPO)
    # Of the data source's own: 0 are the names of attributes.
    variable.query({"refId": "TempoDatasourceVariableQueryEditor-VariableQuery", "type": 0})
    return variable


def cohort_attribute() -> builders.TextBoxVariable:
    """Return the name of the cohort's attribute, to be typed: nothing marks it among other attributes."""
    return _typed(
        "cohort_attribute",
        "Cohort",
        "The cohort to compare by, as the name of its attribute (CARBONSPAN_COHORTS).",
        "user.cohort",
    )


def where() -> builders.TextBoxVariable:
    """Return one more condition in TraceQL: true, unless something is typed."""
    return _typed(
        "where",
        "Where",
        'One more condition in TraceQL, such as span.user.cohort = "enterprise". true: no condition.',
        "true",
    )


def _typed(name: str, label: str, description: str, default: str) -> builders.TextBoxVariable:
    variable = builders.TextBoxVariable(name)
    variable.label(label)
    variable.description(description)
    variable.default_value(default)
    variable.current(dashboard.VariableOption(text=default, value=default))
    return variable


def dirty_from(select: str) -> builders.QueryVariable:
    """Return the grams from which a request counts as dirty: the 95th percentile of the selected range."""
    p95 = promql.quantile(0.95, promql.EMISSIONS, select, window=promql.RANGE)
    description = "Requests of at least so many grams are listed as the dirtiest: the 95th percentile of the range."
    # Without traffic there is no percentile: from 0 g on, for a TraceQL query needs a number.
    query = f"query_result({p95} or vector(0))"
    # The data source answers with "{labels} value timestamp".
    return one("dirty_from", "Dirty from (g)", description, query, regex=r"/\}\s+([0-9.e+-]+)\s/")


def _query(name: str, label: str, description: str, query: str) -> builders.QueryVariable:
    variable = builders.QueryVariable(name)
    variable.label(label)
    variable.description(description)
    variable.datasource(look.PROMETHEUS)
    variable.query(query)
    variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.sort(dashboard.VariableSort.NATURAL_ASC)
    return variable
