# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Every option: keyword, environment variable, default, check. One table, from which the docs are made.

A keyword wins over the environment, the environment over the default. A wrong keyword raises `ValueError`; a wrong
environment variable is logged once and its default is used, since a typo in a deployment must not stop an application.
"""

from __future__ import annotations

import difflib
import functools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core import _option_values as values
from carbonspan.core.values import Basis, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger("carbonspan")

ENVIRONMENT_PREFIX = "CARBONSPAN_"


BUNDLED = "bundled"
"""The name of the tables that ship: always the last resort, so it may be left out."""

_checks: dict[str, tuple[Callable[[Any], Any], Callable[[], tuple[str, ...]]]] = {}


def register(option: str, check: Callable[[Any], Any], *, names: Callable[[], tuple[str, ...]] = tuple) -> None:
    """Have an option's value checked by the room that knows: this table imports none.

    Args:
        option: Its name.
        check: Returns the value from a Python value or the text of an environment variable; raises `ValueError`.
        names: Returns what stands for `{names}` in what the table says is allowed.
    """
    _checks[option] = (check, names)


class Option(NamedTuple):
    """One row of the table."""

    name: str
    default: Any
    check: Callable[[Any], Any] | None  # returns the value, raises ValueError; None: see `register`
    text: str  # what is allowed
    meaning: str
    secret: bool = False  # its value is never shown: it may hold a key

    @property
    def allowed(self) -> str:
        """What is allowed, for people."""
        return self.text.replace("{names}", ", ".join(_checks[self.name][1]())) if "{names}" in self.text else self.text

    @property
    def environment(self) -> str:
        """Name of the environment variable."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    def parse(self, value: Any) -> Any:
        """Return the option's value from a Python value or the text of an environment variable.

        Raises:
            ValueError: the value is wrong; with a message where more can be said than `allowed` does.
        """
        return (self.check or _checks[self.name][0])(value)


OPTIONS: tuple[Option, ...] = (
    Option(
        "attributes",
        Level.STANDARD,
        values.enum(Level),
        "minimal, standard, full",
        "How much is written on each inference span.",
    ),
    Option(
        "basis",
        Basis.LIFE_CYCLE,
        values.enum(Basis),
        "life-cycle, direct, marginal",
        "The grid intensity preferred. What was used is on every span (`carbon.intensity.basis`).",
    ),
    Option(
        "basis_strict",
        False,  # noqa: FBT003 - the value of a row, not an argument
        values.boolean,
        "true, false",
        "Refuse intensities of another basis: such spans are counted as `no_intensity` and left alone.",
    ),
    Option(
        "grid",
        (BUNDLED,),
        None,
        "bundled; names in order of preference ({names}), such as uk,electricity_maps,bundled; "
        "in code also the path of a file, a function, a GridSource",
        "Live sources of hourly intensity. Without one there is no network: the bundled tables answer. "
        "They are the last resort of any list.",
    ),
    Option(
        "grid_options",
        {},
        None,
        'a mapping of source name to its options, such as {"electricity_maps": {"token": "..."}}; '
        "in the environment as JSON",
        "Options of the live sources (docs/how-to/grid.md). Keys are better kept in each source's own variable.",
        secret=True,
    ),
    Option(
        "grid_cache",
        True,  # noqa: FBT003 - the value of a row, not an argument
        values.grid_cache,
        "true (a file in the user's cache directory), false (memory only), or the path of a file",
        "Where the processes of a host share the hours that live sources delivered, so that one of them asks for all.",
    ),
    Option(
        "region",
        "",
        None,
        "a cloud region (aws:eu-west-1), a grid zone (zone:GB), a country or a geography (EU)",
        "Where models run if a span does not say. Replaces the assumption about each provider.",
    ),
    Option(
        "regions",
        {},
        None,
        "provider=region or model=region pairs, such as openai=azure:swedencentral,claude-*=aws:us-east-1",
        "Where a provider's or a model's inferences run, for certain: wins over what the span says.",
    ),
    Option(
        "self_hosted",
        (),
        values.texts,
        "names of providers and hosts, such as openai,*.llm.example.org",
        "What runs on the machines the telemetry comes from, so that the resource's `cloud.region` is its region.",
    ),
    Option(
        "pue",
        None,
        values.pue,
        f"a number from 1 to {values.PUE_MAX:g}",
        "Power usage effectiveness of the sites, where it is known better than the tables do.",
    ),
    Option(
        "energy",
        "carbonspan",
        values.energy,
        "carbonspan, ecologits (needs the extra `ecologits`), or in code any EnergyModel",
        "The model that turns tokens into joules.",
    ),
    Option(
        "models",
        {},
        None,
        'a mapping of model name to figures, such as {"my-llama": {"active_b": 8, "total_b": 8}}; '
        "in the environment as JSON or the path of a JSON file",
        "Your own models, by parameters or by measured joules per token. They win over the registry.",
    ),
    Option(
        "metrics",
        True,  # noqa: FBT003 - the value of a row, not an argument
        values.boolean,
        "true, false",
        "Whether metrics go to the application's meter provider (docs/reference/metrics.md).",
    ),
    Option(
        "cohorts",
        (),
        values.cohorts,
        "names of span attributes, such as user.cohort,customer.tier,app.feature",
        "Attributes that an inference inherits from the nearest span above it that has them, or from baggage; and that "
        "become labels of the metrics, at most 100 values of each, then `other`.",
    ),
    Option(
        "flags",
        (),
        values.texts,
        "keys of feature flags, such as new-agent,model-choice",
        "Feature flags that become labels of the metrics (`carbon.flag.<key>`). On spans every flag is written.",
    ),
    Option(
        "span_models",
        {},
        values.pairs,
        "service=model or scope=model pairs, such as vllm-chat=llama-3.1-70b-instruct,codex*=gpt-5.1-codex",
        "The model of spans that name none, a model server's say, by the `service.name` of their resource or by their "
        "instrumentation scope. `gen_ai.request.model` on the resource goes before.",
    ),
    Option(
        "counted_elsewhere",
        (),
        values.texts,
        "names of providers, hosts and services, such as litellm.internal,*.gateway.example.org,claude-platform",
        "Whose calls are counted by other spans: those of a gateway with carbonspan of its own, or those of the client "
        "where a service (`service.name`) is the server. Here they are duplicates.",
    ),
)

_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The options in force, checked."""

    attributes: Level
    basis: Basis
    basis_strict: bool
    grid: tuple[Any, ...]  # names, paths, functions, GridSource objects, in order
    grid_options: Mapping[str, Mapping[str, Any]] = field(repr=False)  # may hold keys
    grid_cache: bool | str
    region: str
    regions: Mapping[str, str]
    self_hosted: tuple[str, ...]
    pue: float | None
    energy: Any  # a name, or an EnergyModel
    models: Mapping[str, Mapping[str, Any]]
    metrics: bool
    cohorts: tuple[str, ...]
    flags: tuple[str, ...]
    span_models: Mapping[str, str]
    counted_elsewhere: tuple[str, ...]
    origins: Mapping[str, str]  # option -> keyword, environment, default: what `doctor` shows

    @classmethod
    def resolve(cls, keywords: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
        """Return the settings from keywords and environment; a keyword of `None` counts as not given.

        Raises:
            ValueError: for an unknown keyword or a wrong value, naming the option, the value and what is allowed.
        """
        for name in keywords:
            if name not in _BY_NAME:
                near = difflib.get_close_matches(name, _BY_NAME, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                raise ValueError(f"unknown option {name!r}{hint} Allowed: {', '.join(_BY_NAME)}")
        for name, nearest in unknown_variables(environ).items():
            warn_once(f"carbonspan: {name} is not a known option{f'; did you mean {nearest}?' if nearest else ''}")
        found: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for option in OPTIONS:
            found[option.name], origins[option.name] = _resolve(option, keywords.get(option.name), environ)
        return cls(**found, origins=origins)


SHOWN_CHARACTERS = 200  # of a wrong value: enough to recognise it, and no log is flooded


def _wrong(option: Option, value: object, error: Exception) -> str:
    shown = "wrong (its value is not shown)" if option.secret else repr(value)
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[:SHOWN_CHARACTERS] + "..."
    detail = str(error)[: 2 * SHOWN_CHARACTERS]
    if "allowed" in detail:  # the room that checks it says so better
        return f"{shown}: {detail}"
    return f"{shown}{f' ({detail})' if detail else ''}; allowed: {option.allowed}"


def _default(option: Option) -> str:
    default = getattr(option.default, "value", option.default)
    default = ",".join(default) if isinstance(default, tuple) else default
    return f"the default, {default}" if default else "none"


@functools.lru_cache(maxsize=64)
def warn_once(message: str) -> None:
    """Log a message the first time it comes up: an application may make many processors."""
    _log.warning("%s", message)


def warn_again() -> None:
    """Forget which warnings were logged."""
    warn_once.cache_clear()


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like options and are none, each with the option it is nearest to, or ""."""
    known = {option.environment for option in OPTIONS}
    strange = sorted(name for name in environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    return {name: next(iter(difflib.get_close_matches(name, known, n=1)), "") for name in strange}


def _resolve(option: Option, keyword: Any, environ: Mapping[str, str]) -> tuple[Any, str]:
    if keyword is not None:
        try:
            return option.parse(keyword), "keyword"
        except (ValueError, TypeError, OverflowError, OSError) as error:
            # What was wrong with a secret one may quote it, and its traceback would.
            raise ValueError(f"option {option.name!r} is {_wrong(option, keyword, error)}") from (
                None if option.secret else error
            )
    text = environ.get(option.environment, "").strip()
    if text:
        try:
            return option.parse(text), "environment"
        except (ValueError, TypeError, OverflowError, OSError) as error:
            warn_once(f"carbonspan: {option.environment} is {_wrong(option, text, error)}. Using {_default(option)}")
    return option.default, "default"


def check_environment(environ: Mapping[str, str], keywords: Mapping[str, Any]) -> None:
    """Refuse what `Settings.resolve` would log and pass over: for paths on which a wrong option means no carbon.

    Raises:
        ValueError: for a wrong variable that no keyword overrides, naming it, its value and what is allowed.
    """
    for option in OPTIONS:
        text = environ.get(option.environment, "").strip()
        if text and keywords.get(option.name) is None:
            try:
                option.parse(text)
            except (ValueError, TypeError, OverflowError, OSError) as error:
                raise ValueError(f"{option.environment} is {_wrong(option, text, error)}") from (
                    None if option.secret else error
                )
