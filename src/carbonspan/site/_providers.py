# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What is assumed of a provider: whose machines it runs on, where by default, and whether users host it themselves."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from carbonspan.core._tables import rows


class Provider(NamedTuple):
    """One row of data/sites/providers.csv."""

    operator: str  # "" where the provider runs wherever the user put it
    region: str  # where it is assumed to run when nothing else tells; "" where nobody has said
    self_hosted: bool
    own_models: tuple[str, ...] = ()  # how the names of a lab's own models begin; empty where it is no lab

    def is_own(self, model: str) -> bool:
        """Return whether a model (lower case, with or without a vendor before it) is the lab's own, or not told."""
        name = model.rpartition("/")[2].removeprefix("ft:")
        return bool(self.own_models) and (not name or name.startswith(self.own_models))


UNKNOWN = Provider("", "", self_hosted=False)


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
    # A host name, which says only the operator, may be all there is: what is assumed of a provider holds for both.
    for provider in tuple(table.values()):
        table.setdefault(provider.operator, provider)
    table.pop("", None)
    return table


def provider_of(name: str) -> Provider:
    """Return what is assumed of a provider (OpenTelemetry's spelling, or an operator of data/sites/hosts.csv)."""
    return _providers().get(name, UNKNOWN)
