# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The host that was called: its name, whose machines it is, and the region it tells, as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbonspan.collector._ottl import attribute, found, matches, name, plain, put, text
from carbonspan.collector._places import key_of
from carbonspan.core._tables import rows
from carbonspan.site._hosts import PRIVATE
from carbonspan.site._places import area_place

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOSTS = ("server.address", "gen_ai.openai.api_base", "url.full", "http.url", "net.peer.name")
_REGION = "{region}"


def host() -> list[str]:
    """Return the statements that find the host that was called: its name, whose it is, and the region it tells."""
    this, whose = name("host"), name("whose")
    steps = [
        put(this, '""'),
        *[
            put(this, f"ToLowerCase(Trim({attribute(key)}))", f'{this} == "" and IsString({attribute(key)})')
            for key in _HOSTS
        ],
        # A URL, an authority or a bare name: scheme, user, port and path go.
        f'replace_pattern({this}, "^[a-z][a-z0-9+.-]*://", "") where {this} != ""',
        f'replace_pattern({this}, "^[^/?#]*@", "") where {this} != ""',
        f'replace_pattern({this}, "[/?#].*$", "") where {this} != ""',
        f'replace_pattern({this}, "^\\\\[([^\\\\]]*)\\\\].*$", "$1") where {this} != ""',
        f'replace_pattern({this}, "^([^:]*):[^:]*$", "$1") where {this} != ""',
        f'replace_pattern({this}, "[.]+$", "") where {this} != ""',
        put(whose, '""'),
        put(name("at"), '""'),
    ]
    hosts = [(row["pattern"], row["operator"], _whose(row)) for row in rows("sites/hosts.csv")]
    exact = {pattern: value for pattern, _, value in hosts if "*" not in pattern and _REGION not in pattern}
    steps.append(put(whose, found(exact, this), f'{this} != ""'))
    strange = f'{whose} == "" and {this} != ""'
    for pattern, owner, _ in hosts:
        if _REGION in pattern:
            before, _, after = pattern.partition(_REGION)
            start = "^(?:.*" if before.startswith("*") else "^(?:"
            whole = f"{start}{plain(before.removeprefix('*'))})(?P<r>[^.]+){plain(after)}$"
            ends = f"{strange} and HasSuffix({this}, {text(after)})"
            steps.append(put(name("at"), f'ExtractPatterns({this}, {text(whole)})["r"]', ends))
            steps.append(put(whose, text(owner), f'{ends} and {name("at")} != ""'))
    for pattern, _, value in hosts:
        if pattern.startswith("*") and _REGION not in pattern:
            steps.append(put(whose, text(value), f"{strange} and HasSuffix({this}, {text(pattern[1:])})"))
    starts = "|".join(plain(row["pattern"][:-1]) for row in rows("sites/hosts.csv") if row["pattern"].endswith("*"))
    bare = f"not {matches(this, '[.:]')}"
    address = f"{matches(this, '^[0-9.]+$')} and {matches(this, f'^(?:{starts})')}"
    return [
        *steps,
        put(whose, text(PRIVATE), f'{whose} == "" and {this} != "" and ({bare} or ({address}))'),
    ]


def _whose(row: Mapping[str, str]) -> str:
    """Return whose machines a host's row means, with the key of the place where it tells one."""
    place = area_place(row["region"], row["operator"], "") if row["region"] else None
    return row["operator"] if place is None else key_of(place)
