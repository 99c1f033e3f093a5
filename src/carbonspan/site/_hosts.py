# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Whose machines answer: what the name of a called host says, and what is assumed of a provider."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from carbonspan.core._tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterable

PRIVATE = "private"
"""The operator of loopback and private addresses: whoever runs the application itself, or a gateway."""

_PLACEHOLDER = "{region}"


class HostMatch(NamedTuple):
    """What a host name says."""

    operator: str
    region: str = ""  # a region id or the name of a geography; "" where the name does not show it


NO_MATCH = HostMatch("")


class Provider(NamedTuple):
    """One row of data/sites/providers.csv."""

    operator: str  # "" where the provider runs wherever the user put it
    region: str  # where it is assumed to run when nothing else shows it; "" where nobody has said
    self_hosted: bool
    own_models: tuple[str, ...] = ()  # how the names of a lab's own models begin; empty where it is no lab

    def is_own(self, model: str) -> bool:
        """Return whether a model (lower case, with or without a vendor before it) is the lab's own, or not named."""
        name = model.rpartition("/")[2].removeprefix("ft:")
        return bool(self.own_models) and (not name or name.startswith(self.own_models))


UNKNOWN = Provider("", "", self_hosted=False)


class Names:
    """Names of providers and hosts that the user gives: `openai`, `llm.example.org`, `*.example.org`."""

    def __init__(self, names: Iterable[str]) -> None:
        given = [name.strip().lower() for name in names]
        self._names = frozenset(given)
        self._suffixes = tuple(name[1:] for name in given if name.startswith("*."))

    def __bool__(self) -> bool:
        return bool(self._names)

    def __contains__(self, name: str) -> bool:
        """Return whether a name, in lower case, is among them."""
        return name in self._names or name.endswith(self._suffixes)


class _Patterns(NamedTuple):
    exact: dict[str, HostMatch]
    starts: tuple[tuple[str, HostMatch], ...]
    ends: tuple[tuple[str, HostMatch], ...]
    templates: tuple[tuple[str, str, bool, str], ...]  # before, after, anything may precede, operator


@cache
def _patterns() -> _Patterns:
    exact: dict[str, HostMatch] = {}
    starts, ends, templates = [], [], []
    for row in rows("sites/hosts.csv"):
        pattern, match = row["pattern"], HostMatch(row["operator"], row["region"])
        if _PLACEHOLDER in pattern:
            before, _, after = pattern.partition(_PLACEHOLDER)
            templates.append((before.removeprefix("*"), after, before.startswith("*"), match.operator))
        elif pattern.startswith("*"):
            ends.append((pattern[1:], match))
        elif pattern.endswith("*"):
            starts.append((pattern[:-1], match))
        else:
            exact[pattern] = match
    return _Patterns(exact, tuple(starts), tuple(ends), tuple(templates))


@cache
def _providers() -> dict[str, Provider]:
    table = {
        row["provider"]: Provider(
            row["operator"],
            row["region"],
            self_hosted=bool(row["self_hosted"]),
            own_models=tuple(row["own_models"].split()),
        )
        for row in rows("sites/providers.csv")
    }
    # A host name, which shows only the operator, may be all there is: what is assumed of a provider holds for both.
    for provider in tuple(table.values()):
        table.setdefault(provider.operator, provider)
    table.pop("", None)
    return table


def provider_of(name: str) -> Provider:
    """Return what is assumed of a provider (OpenTelemetry's spelling, or an operator of data/sites/hosts.csv)."""
    return _providers().get(name, UNKNOWN)


def host_of(text: str) -> str:
    """Return the host name in a URL, an authority or a bare host name, lower case, without port; `""` where none."""
    rest = text.strip().lower()
    _, separator, after = rest.partition("://")
    if separator:
        rest = after
    for mark in "/?#":
        rest = rest.partition(mark)[0]
    rest = rest.rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    if rest.count(":") == 1:  # more than one colon is a bare IPv6 address
        rest = rest.partition(":")[0]
    return rest.rstrip(".")


def match_host(text: str) -> HostMatch:
    """Return whose machines a host name means and where they are; `NO_MATCH` for a name that the table does not know.

    The table is data/sites/hosts.csv; a row says where its pattern is documented.
    """
    name = host_of(text)
    if not name:
        return NO_MATCH
    return _patterns().exact.get(name) or _by_template(name) or _by_wildcard(name) or NO_MATCH


def _by_template(name: str) -> HostMatch | None:
    for before, after, anywhere, operator in _patterns().templates:
        if not name.endswith(after):
            continue
        head, region = "", name[: len(name) - len(after)]
        if before:
            head, separator, region = region.rpartition(before)
            if not separator:
                continue
        if region and "." not in region and (anywhere or not head):
            return HostMatch(operator, region)
    return None


def _by_wildcard(name: str) -> HostMatch | None:
    patterns = _patterns()
    for end, match in patterns.ends:
        if name.endswith(end):
            return match
    if name.replace(".", "").isdecimal():  # "10.*" is an address, "10.example.org" is not
        for start, match in patterns.starts:
            if name.startswith(start):
                return match
    # A bare name resolves only in a private network.
    return None if "." in name or ":" in name else HostMatch(PRIVATE)


def load() -> None:
    """Read both tables now, so that no span has to."""
    _patterns()
    _providers()
