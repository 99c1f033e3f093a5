# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Options: where each value comes from, and what a wrong one says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from carbonspan.core._options import OPTIONS, Settings, check_environment
from carbonspan.core.values import Basis, Level
from carbonspan.runtime import Options

if TYPE_CHECKING:
    from pathlib import Path


def test_defaults() -> None:
    got = Settings.resolve({}, {})
    assert (got.attributes, got.basis, got.basis_strict) == (Level.STANDARD, Basis.LIFE_CYCLE, False)
    assert (got.region, got.regions, got.self_hosted, got.pue) == ("", {}, (), None)
    assert (got.energy, got.models) == ("carbonspan", {})
    assert set(got.origins.values()) == {"default"}


def test_environment_then_keyword() -> None:
    environ = {"CARBONSPAN_ATTRIBUTES": "Minimal", "CARBONSPAN_PUE": "1.3"}
    got = Settings.resolve({"pue": 1.1}, environ)
    assert (got.attributes, got.pue) == (Level.MINIMAL, 1.1)
    assert (got.origins["attributes"], got.origins["pue"]) == ("environment", "keyword")


def test_a_keyword_of_none_and_an_empty_variable_count_as_not_given() -> None:
    got = Settings.resolve({"region": None}, {"CARBONSPAN_REGION": " "})
    assert (got.region, got.origins["region"]) == ("", "default")


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("CARBONSPAN_BASIS", "direct", "basis", Basis.DIRECT),
        ("CARBONSPAN_BASIS_STRICT", "TRUE", "basis_strict", True),
        ("CARBONSPAN_REGION", "aws:eu-west-1", "region", "aws:eu-west-1"),
        (
            "CARBONSPAN_REGIONS",
            "openai=azure:swedencentral, anthropic=aws:us-east-1",
            "regions",
            {"openai": "azure:swedencentral", "anthropic": "aws:us-east-1"},
        ),
        ("CARBONSPAN_SELF_HOSTED", "vllm, ollama,", "self_hosted", ("vllm", "ollama")),
        ("CARBONSPAN_ENERGY", "ecologits", "energy", "ecologits"),
        (
            "CARBONSPAN_MODELS",
            '{"my-llama": {"active_b": 8, "total_b": 8}}',
            "models",
            {"my-llama": {"active_b": 8, "total_b": 8}},
        ),
    ],
)
def test_environment_text_is_read(variable: str, text: str, option: str, value: object) -> None:
    assert getattr(Settings.resolve({}, {variable: text}), option) == value


def test_models_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"mine": {"active_b": 8, "total_b": 8}}), encoding="utf-8")
    assert Settings.resolve({"models": file}, {}).models == {"mine": {"active_b": 8, "total_b": 8}}
    assert Settings.resolve({}, {"CARBONSPAN_MODELS": str(file)}).models == {"mine": {"active_b": 8, "total_b": 8}}


WRONG: list[tuple[str, Any]] = [
    ("attributes", "verbose"),
    ("basis", "average"),
    ("basis_strict", "maybe"),
    ("basis_strict", 1),
    ("region", 7),
    ("region", "aws:nowhere-1"),
    ("regions", "openai"),
    ("regions", {"openai": "aws:nowhere-1"}),
    ("regions", {"openai": 7}),
    ("self_hosted", 7),
    ("self_hosted", [7]),
    ("pue", 0.9),
    ("pue", "nan"),
    ("pue", True),
    ("pue", 30),
    ("pue", 10**400),
    ("energy", "guess"),
    ("energy", 7),
    ("models", "/nowhere/models.json"),
    ("models", "{not json"),
    ("models", {"mine": 7}),
    ("models", {"mine": {"active_b": -1, "total_b": 8}}),
    ("models", {"mine": {"nonsense": 1}}),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_keyword_names_option_value_and_what_is_allowed(name: str, value: object) -> None:
    option = next(o for o in OPTIONS if o.name == name)
    with pytest.raises(ValueError, match=f"option '{name}'") as caught:
        Settings.resolve({name: value}, {})
    assert repr(value)[:40] in str(caught.value)
    assert "allowed" in str(caught.value)
    if name not in {"region", "regions", "models"}:  # these rooms say in their own words what is allowed
        assert option.allowed in str(caught.value)


def test_an_unknown_keyword_names_its_neighbour() -> None:
    with pytest.raises(ValueError, match=r"unknown option 'atributes'; did you mean 'attributes'\?"):
        Settings.resolve({"atributes": "full"}, {})
    with pytest.raises(ValueError, match=r"unknown option 'zzz'\. Allowed: attributes"):
        Settings.resolve({"zzz": 1}, {})


def test_a_wrong_variable_is_logged_and_the_default_used(caplog: pytest.LogCaptureFixture) -> None:
    got = Settings.resolve({}, {"CARBONSPAN_ATTRIBUTES": "verbose"})
    assert got.attributes is Level.STANDARD
    assert "CARBONSPAN_ATTRIBUTES is 'verbose'; allowed: minimal, standard, full" in caplog.text


def test_a_wrong_variable_is_logged_once_however_many_processors_there_are(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        Settings.resolve({}, {"CARBONSPAN_ATTRIBUTES": "chatty", "CARBONSPAN_REGOIN": "EU"})
    assert caplog.text.count("CARBONSPAN_ATTRIBUTES is 'chatty'") == 1
    assert caplog.text.count("CARBONSPAN_REGOIN is not a known option; did you mean CARBONSPAN_REGION?") == 1


def test_a_wrong_region_says_what_is_allowed_once() -> None:
    with pytest.raises(ValueError, match="nowhere") as caught:
        Settings.resolve({"region": "aws:nowhere-1"}, {})
    assert str(caught.value).count("allowed") == 1


def test_ecologits_without_its_package(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("carbonspan.core._option_values.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"pip install 'carbonspan\[ecologits\]'"):
        Settings.resolve({"energy": "ecologits"}, {})
    assert Settings.resolve({}, {"CARBONSPAN_ENERGY": "ecologits"}).energy == "carbonspan"
    assert "carbonspan[ecologits]" in caplog.text


def test_a_long_wrong_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        Settings.resolve({"attributes": "x" * 10_000}, {})
    assert len(str(caught.value)) < 1000


def test_every_option_is_a_keyword_and_a_field() -> None:
    names = {o.name for o in OPTIONS}
    assert names == set(Options.__annotations__)
    assert names == set(Settings.__dataclass_fields__) - {"origins"}


@given(
    st.sampled_from([o.name for o in OPTIONS]), st.one_of(st.text(), st.integers(), st.floats(), st.lists(st.text()))
)
def test_any_environment_text_gives_settings_and_any_keyword_settings_or_value_error(name: str, value: object) -> None:
    Settings.resolve({}, {f"CARBONSPAN_{name.upper()}": str(value)})
    try:
        Settings.resolve({name: value}, {})
    except ValueError as error:
        assert name in str(error)  # noqa: PT017 - both outcomes are right


def test_where_nobody_sees_an_exception_a_wrong_variable_is_refused_unless_a_keyword_overrides_it() -> None:
    environ = {"CARBONSPAN_PUE": "nine", "CARBONSPAN_REGION": "EU"}
    with pytest.raises(ValueError, match=r"^CARBONSPAN_PUE is 'nine' .*; allowed: a number from 1 to 3$"):
        check_environment(environ, {})
    check_environment(environ, {"pue": 1.2})
    check_environment({"CARBONSPAN_PUE": " "}, {})


def test_a_cohort_is_none_of_our_own_attributes() -> None:
    assert Settings.resolve({"cohorts": "user.cohort, team"}, {}).cohorts == ("user.cohort", "team")
    with pytest.raises(ValueError, match=r"'cohorts' is .*carbon.emissions.grams is written by carbonspan; allowed: "):
        Settings.resolve({"cohorts": ["team", "carbon.emissions.grams"]}, {})
