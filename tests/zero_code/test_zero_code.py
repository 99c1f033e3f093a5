# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""`opentelemetry-instrument python app.py`, with nothing set and with a declarative file: what the collector gets."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from carbonspan.demo._server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.zero_code.conftest import Collector, Received, Run


@pytest.fixture(autouse=True)
def provider_of_models(environment: dict[str, str]) -> Iterator[None]:
    environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "anthropic"
    with LoopbackServer() as server:
        environment |= {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "not-a-key"}
        yield


def chats(spans: list[Received]) -> list[Received]:
    return [span for span in spans if span.name == "chat gpt-4o"]


def written(span: Received) -> set[str]:
    return {name for name in span.attributes if name.startswith("carbon.")}


def ours(log: str) -> list[str]:
    return [line for line in log.splitlines() if "carbon" in line.lower()]


def test_nothing_else_set_and_an_applications_call_is_enriched(
    run: Run, collector: Collector, environment: dict[str, str]
) -> None:
    del environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"]
    out, log = run(sys.executable, "call.py")
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert span.attributes["carbon.emissions.grams"] > 0
    assert span.attributes["carbon.model.id"] == "gpt-4o"
    assert span.attributes["carbon.region.name"] == "US"
    assert ours(log) == []


def test_metrics_go_where_the_application_sends_its_own(run: Run, collector: Collector) -> None:
    _, log = run(sys.executable, "call.py", OTEL_METRICS_EXPORTER="otlp")
    assert sum(collector.wait_for_counted(1).values()) == 1
    assert ours(log) == []


def test_the_environment_sets_options(run: Run, collector: Collector) -> None:
    run(sys.executable, "call.py", CARBONSPAN_REGION="aws:eu-west-1", CARBONSPAN_ATTRIBUTES="minimal")
    (span,) = chats(collector.wait_for(1))
    assert len(written(span)) == 4


def test_it_is_disabled_as_every_instrumentation_is(run: Run, collector: Collector) -> None:
    out, _ = run(sys.executable, "call.py", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="anthropic,carbonspan")
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert written(span) == set()


def test_a_wrong_variable_is_one_line_and_the_application_runs_without_carbon(run: Run, collector: Collector) -> None:
    out, log = run(sys.executable, "call.py", CARBONSPAN_PUE="0.5")
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert written(span) == set()
    (line,) = ours(log)
    assert line == (
        "carbonspan: CARBONSPAN_PUE is '0.5'; allowed: a number from 1 to 3. The application runs without carbon"
    )


def test_an_application_that_sets_its_own_provider_later(run: Run, collector: Collector) -> None:
    # No configurator of that name: opentelemetry-instrument sets no provider, as where no distribution is installed.
    out, log = run(sys.executable, "own_provider.py", OTEL_PYTHON_CONFIGURATOR="none")
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert span.attributes["carbon.emissions.grams"] > 0
    assert ours(log) == []


@pytest.fixture
def declare(tmp_path: Path, environment: dict[str, str]) -> Any:
    """Return what writes a declarative file with these options for carbonspan, and points the application at it."""

    def declare(options: dict[str, Any], form: str) -> None:
        content = {
            "file_format": "1.0",
            "tracer_provider": {
                "processors": [
                    {
                        "batch": {
                            "schedule_delay": 100,
                            "exporter": {
                                "otlp_http": {"endpoint": environment["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"}
                            },
                        }
                    }
                ]
            },
            "instrumentation/development": {"python": {"carbonspan": options}},
        }
        file = tmp_path / f"otel.{form}"
        file.write_text(yaml.safe_dump(content) if form == "yaml" else json.dumps(content), encoding="utf-8")
        environment["OTEL_CONFIG_FILE"] = str(file)

    return declare


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_declarative_file_sets_options_also_nested_ones(
    form: str, declare: Any, run: Run, collector: Collector
) -> None:
    declare(
        {
            "attributes": "full",
            "pue": 1.4,
            "regions": {"openai": "azure:swedencentral"},
            "self_hosted": ["acme", "*.llm.example.org"],
            "models": {"gpt-4o": {"active_b": 8, "total_b": 8}},
            "basis_strict": False,
        },
        form,
    )
    out, log = run(sys.executable, "call.py", CARBONSPAN_PUE="1.1")  # the file wins
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert span.attributes["carbon.site.pue"] == 1.4
    assert span.attributes["carbon.region.name"] == "swedencentral"
    assert span.attributes["carbon.model.evidence"] == "C"
    assert ours(log) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pue": 0.5}, ["'pue'", "0.5", "a number from 1 to 3"]),
        ({"regoin": "EU"}, ["'regoin'", "did you mean 'region'"]),
        ({"regions": {"openai": "narnia"}}, ["'regions'", "narnia"]),
        ({"basis_strict": "perhaps"}, ["'basis_strict'", "perhaps", "true, false"]),
    ],
)
def test_a_wrong_option_in_a_declarative_file_is_one_line_and_no_carbon(
    options: dict[str, Any], said: list[str], declare: Any, run: Run, collector: Collector
) -> None:
    declare(options, "yaml")
    out, log = run(sys.executable, "call.py")
    assert out == "done\n"
    (span,) = chats(collector.wait_for(1))
    assert written(span) == set()
    (line,) = ours(log)
    for text in [*said, "The application runs without carbon"]:
        assert text in line


def test_a_sampler_by_name(run: Run, collector: Collector) -> None:
    variables = {"OTEL_TRACES_SAMPLER": "carbon_parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    code = (
        "from opentelemetry import trace\n"
        "exec(open('call.py').read())\n"
        "provider = trace.get_tracer_provider()\n"
        "print(provider.sampler.get_description().split(',')[0])\n"
        "print([dict(p.counts()) for p in provider._active_span_processor._span_processors if hasattr(p, 'counts')])\n"
    )
    out, log = run(sys.executable, "-c", code, **variables)
    assert out.splitlines() == [
        "done",
        "CarbonSampler{ParentBased{root:TraceIdRatioBased{0.0}",
        "[{'enriched': 1}]",
    ]
    assert ours(log) == []
    assert collector.spans == []
