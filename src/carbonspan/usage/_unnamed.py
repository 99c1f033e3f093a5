# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The model of spans that name none, as a model server's do: by their resource, or by a setting for their service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from carbonspan.core._text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODEL = "gen_ai.request.model"
"""The attribute that such a span is read with."""

RESOURCE_MODELS = ("gen_ai.response.model", MODEL)
"""Attributes of a resource that name the model of all its spans; the first that is there holds."""

SERVICE = "service.name"
"""The resource's attribute that a setting goes by, before the instrumentation scope."""

_MAX_TEXT = 256
"""Characters kept of a name, as of a span's model."""


class SpanModels:
    """Models by the name of a service, or of an instrumentation scope, of which any part may be `*`.

    Args:
        names: Service or scope to model. The first that fits holds, services before scopes.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = [(re.compile(pattern_of(name, re.escape)), model) for name, model in names.items()]

    def of(self, scope: str, resource: Mapping[str, object]) -> str:
        """Return the model of a span that names none, or "".

        Args:
            scope: The name of its instrumentation scope.
            resource: The attributes of its resource.
        """
        for name in RESOURCE_MODELS:
            value = resource.get(name)
            if isinstance(value, str) and value and not value.isspace():
                return clean(value, _MAX_TEXT)
        if self._names:
            service = resource.get(SERVICE)
            for name in (service if isinstance(service, str) else "", scope):
                low = clean(name, _MAX_TEXT).lower()
                for found, model in self._names:
                    if low and found.search(low):
                        return model
        return ""


def pattern_of(name: str, escaped: Callable[[str], str]) -> str:
    """Return the regular expression of a name that the user gives, of which any part may be `*`; lower case.

    Args:
        name: The name.
        escaped: Returns the regular expression of a text itself.
    """
    return f"^(?:{'.*'.join(map(escaped, name.strip().lower().split('*')))})$"
