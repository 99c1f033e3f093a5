# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The command as a user calls it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from carbonspan.cli._app import app

if TYPE_CHECKING:
    from collections.abc import Mapping


def call(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Return the result of `carbonspan` with these arguments, as in a pipe of the usual width."""
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "132", **(env or {})}, catch_exceptions=False)


def as_json(*arguments: str, env: Mapping[str, str] | None = None, status: int = 0) -> Any:
    """Return what `carbonspan ... --json` prints, once it exited with `status`."""
    result = call(*arguments, "--json", env=env)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def hour_row(hour: int, grams: float | None, quality: str = "measured", **more: Any) -> dict[str, Any]:
    """Return an hour as `carbonspan grid --json` has it."""
    when = (datetime(2026, 3, 1, tzinfo=timezone.utc) + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if grams is None:
        return {"hour": when, "g_per_kwh": None}
    value = {"low": grams, "central": grams, "high": grams}
    return {"hour": when, "g_per_kwh": value, "quality": quality, "basis": "direct", "source": "s", **more}
