# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out where an inference ran: settings, then what the span says, then an assumption, then the world.

The order, first hit wins, with the `method` it leaves on the place:

1. `setting`: the user said where this model or provider runs, and is certain.
2. `model_prefix`: a Bedrock inference profile (`eu.anthropic...`). The call may be served anywhere in that geography,
   so it goes before the region the call was sent to.
3. `span_region`: the span's own `cloud.region`. On a span it is the region of the called destination
   (https://opentelemetry.io/docs/specs/semconv/registry/attributes/cloud/).
4. `host`: the name of the host that was called.
5. `inference_geo`: Anthropic's data-residency field, where it is not `global`.
6. `resource`: the `cloud.region` of the telemetry source, only for a self-hosted model. For every other call it says
   where the client runs, which is no evidence at all.
7. `setting_default`: what the user assumes where a span does not say.
8. `provider_default`: what the table assumes of the provider (data/sites/providers.csv).
9. `unknown`: the world.

Whose default it is, the called host decides before the provider: SDKs and instrumentations write `openai` for whatever
speaks OpenAI's protocol. A host of data/sites/hosts.csv stands for its operator, with that one's default or none. No
host, or a private one, leaves the provider's default. A public host that the table does not know is either a gateway in
front of the provider or another service that speaks its protocol, and the model says which: a lab's own (`gpt-4o` of
`openai`), or none named, is taken for a gateway and keeps the lab's default; any other model, and any provider that is
no lab, is `unknown` and without an operator.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from carbonspan.core._regions import WORLD
from carbonspan.core._tables import rows
from carbonspan.core.values import Place
from carbonspan.site import _hosts as hosts, _places as places
from carbonspan.site._hosts import NO_MATCH, PRIVATE, HostMatch, Names, host_of, match_host, provider_of
from carbonspan.site._places import area_place, other_names, parse_region, region_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

METHODS = (
    "setting",
    "model_prefix",
    "span_region",
    "host",
    "inference_geo",
    "resource",
    "setting_default",
    "provider_default",
    "unknown",
)
"""Every value of `Place.method`, surest first."""

_CACHE_SIZE = 2048  # distinct calls an application makes: (provider, model, region, host), far fewer than this
_TEXT_LENGTH = 512  # longer than any host name (253) with its scheme, or any model id; bounds what the cache may hold
_PROFILE_DOTS = 2  # geography.vendor.model

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_NOWHERE = Place("", WORLD, "unknown", geography=WORLD)


class _SelfHosted(NamedTuple):
    """A place that the resource decides: where it does not, `otherwise` holds."""

    otherwise: Place


@cache
def evidence() -> dict[str, str]:
    """Return the span attributes that may show where a call went, and what each holds: region, cloud, host or geo."""
    return {row["attribute"]: row["holds"] for row in rows("sites/span_attributes.csv")}


@cache
def _model_prefixes() -> dict[str, str]:
    return {row["prefix"]: row["region"] for row in rows("sites/model_prefixes.csv")}


def calls(attributes: Mapping[str, Any], provider: str, names: Names) -> bool:
    """Return whether a span calls one of the named providers or hosts."""
    if provider in names:
        return True
    return any(host in names for host in _hosts(attributes))


def server_of(attributes: Mapping[str, Any]) -> str:
    """Return the host that a span called, "" where it does not say; this machine is always `localhost`."""
    host = next(_hosts(attributes), "")
    return "localhost" if host in _LOOPBACK else host


def _hosts(attributes: Mapping[str, Any]) -> Iterator[str]:
    called = (attributes.get(name) for name, holds in evidence().items() if holds == "host")
    return (host_of(text) for text in called if isinstance(text, str))


class Locator:
    """Locates inferences under one set of settings, and remembers what it found: bounded, safe between threads."""

    def __init__(
        self,
        *,
        overrides: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
        self_hosted: Iterable[str] = (),
    ) -> None:
        """Check the settings and read the tables, so that no span has to.

        Args:
            overrides: model or provider (or `*` for every call) to region, where the user is certain. A model may end
                in `*`. A model goes before its provider.
            defaults: provider, operator or `*` to region: what to assume where the span does not say.
            self_hosted: providers (`openai` behind vLLM) and host names (`llm.example.org`, `*.example.org`) that run
                on the machines the telemetry comes from, beside those of the tables.

        Raises:
            ValueError: a region is unknown, see `parse_region`.
        """
        self._overrides = {key.strip().lower(): parse_region(region) for key, region in (overrides or {}).items()}
        self._defaults = {key.strip().lower(): parse_region(region) for key, region in (defaults or {}).items()}
        self._own = Names(self_hosted)
        self._attributes = tuple(evidence())
        places.load()
        hosts.load()
        _model_prefixes()
        self._found: dict[tuple[Any, ...], Place | _SelfHosted] = {}

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the span attributes that may show where a call went."""
        return self._attributes

    def locate(
        self,
        attributes: Mapping[str, Any],
        *,
        provider: str = "",
        model: str = "",
        resource_attributes: Mapping[str, Any] | None = None,
    ) -> Place:
        """Return where a call was served, as far as its span and the settings say. Never raises on what a span holds.

        Equal calls get one object.

        Args:
            attributes: the span's attributes.
            provider: who answers, in OpenTelemetry's spelling.
            model: the model that was asked for (a Bedrock id carries its inference profile).
            resource_attributes: the resource's; read only for a self-hosted model.
        """
        key = (provider, model, *map(attributes.get, self._attributes))
        try:
            found = self._found.get(key)
        except TypeError:  # a list, where the attributes come from somewhere else than a span
            found = None
        if found is None:
            found = self._resolve(key)
        if not isinstance(found, _SelfHosted):
            return found
        return self._on_own_machines(found, resource_attributes or {})

    def _resolve(self, key: tuple[Any, ...]) -> Place | _SelfHosted:
        clean = tuple(value[:_TEXT_LENGTH] if isinstance(value, str) else "" for value in key)
        found = self._found.get(clean)
        if found is None:
            found = self._search(clean[0], clean[1], clean[2:])
            self._remember(clean, found)
        if all(value is None or value == text for value, text in zip(key, clean, strict=True)):
            # What holds nothing long or strange is found at once the next time.
            self._remember(key, found)
        return found

    def _remember(self, key: tuple[Any, ...], found: Place | _SelfHosted) -> None:
        if len(self._found) >= _CACHE_SIZE:
            self._found = {}  # a new one: another thread may be reading the old
        self._found[key] = found

    def _search(self, provider: str, model: str, attributes: tuple[str, ...]) -> Place | _SelfHosted:
        provider, model = provider.strip().lower(), model.strip().lower()
        texts: dict[str, list[str]] = {"region": [], "cloud": [], "host": [], "geo": []}
        for holds, text in zip(evidence().values(), attributes, strict=True):
            if text:
                texts[holds].append(text)
        called = _best([match_host(text) for text in texts["host"]])
        assumed = provider_of(provider)
        operator = called.operator if called.operator not in {"", PRIVATE} else assumed.operator
        for place in (
            self._set_by_user(provider, model, operator),
            _by_model(model),
            _by_region(texts["region"], _cloud(texts["cloud"]) or operator),
            _by_host(called),
            _by_geography(texts["geo"], operator),
        ):
            if place is not None:
                return place
        is_strange = called.operator == "" and any(map(host_of, texts["host"])) and not assumed.is_own(model)
        otherwise = self._assumed(provider, operator, is_strange=is_strange)
        own = (
            assumed.self_hosted
            or provider in self._own
            or any(host_of(text) in self._own for text in texts["host"])
            or (called.operator == PRIVATE and not assumed.operator)
        )
        return _SelfHosted(otherwise) if own else otherwise

    def _set_by_user(self, provider: str, model: str, operator: str) -> Place | None:
        table = self._overrides
        if not table:
            return None
        place = table.get(model) or next(
            (table[key] for key in table if len(key) > 1 and key.endswith("*") and model.startswith(key[:-1])), None
        )
        place = place or table.get(provider) or table.get("*")
        return None if place is None else replace(place, operator=place.operator or operator)

    def _assumed(self, provider: str, operator: str, *, is_strange: bool) -> Place:
        place = self._defaults.get(provider) or self._defaults.get(operator) or self._defaults.get("*")
        if place is not None:
            return replace(place, operator=place.operator or operator, method="setting_default")
        if is_strange:
            return _NOWHERE
        # The operator before the provider: an OpenAI model on Azure's machines runs where Azure does.
        name = provider_of(operator or provider).region
        return area_place(name, operator, "provider_default") or replace(_NOWHERE, operator=operator)

    def _on_own_machines(self, found: _SelfHosted, resource: Mapping[str, Any]) -> Place:
        region, cloud = resource.get("cloud.region"), resource.get("cloud.provider")
        if type(region) is not str or not region:
            return found.otherwise
        key = ("resource", region[:_TEXT_LENGTH], cloud[:_TEXT_LENGTH] if type(cloud) is str else "", found)
        place = self._found.get(key)
        if place is None:
            place = _by_region([key[1]], _cloud([key[2]])) or found.otherwise
            if place.method == "span_region":
                place = replace(place, method="resource")
            self._remember(key, place)
        return found.otherwise if isinstance(place, _SelfHosted) else place


def _best(matches: list[HostMatch]) -> HostMatch:
    """Return the match that says most: a region before an operator, a known operator before a private one."""
    return max(
        matches,
        key=lambda match: (bool(match.region), match.operator not in {"", PRIVATE}, bool(match.operator)),
        default=NO_MATCH,
    )


def _cloud(names: list[str]) -> str:
    return other_names().operators.get(names[0].strip().lower(), "") if names else ""


def _by_model(model: str) -> Place | None:
    """Return the geography of a Bedrock inference profile: `us.vendor.model`, bare, in an ARN or behind a prefix."""
    name = model.rpartition("/")[2]
    if name.count(".") < _PROFILE_DOTS:
        return None
    region = _model_prefixes().get(name.partition(".")[0])
    return None if region is None else area_place(region, "aws", "model_prefix")


def _by_region(regions: list[str], operator: str) -> Place | None:
    for text in regions:
        place = region_place(text, operator, "span_region") or area_place(text, operator, "span_region")
        if place is not None and place.geography != WORLD:
            return place
    return None


def _by_host(called: HostMatch) -> Place | None:
    if not called.region:
        return None
    place = region_place(called.region, called.operator, "host")
    if place is None or place.operator != called.operator:  # another cloud's region may have the same id
        place = area_place(called.region, called.operator, "host")
    return place


def _by_geography(names: list[str], operator: str) -> Place | None:
    for text in names:
        place = area_place(text, operator, "inference_geo")
        if place is not None and place.geography != WORLD:
            return place
    return None
