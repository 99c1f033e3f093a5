# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What `carbonspan doctor` finds out: the SDK, the way onto spans, the options in force, what is missing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from carbonspan import grid
from carbonspan.cli import _probe as probe
from carbonspan.cli._listing import plain
from carbonspan.cli._log import collected
from carbonspan.core._options import OPTIONS, Option, Settings
from carbonspan.otel._writeback import Path, path
from carbonspan.version import METHOD_VERSION, __version__

PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-exporter-otlp-proto-grpc")
EXTRAS = {
    "cli": ("click", "rich"),
    "cost": ("genai-prices",),
    "demo": ("openai", "anthropic"),
    "ecologits": ("ecologits",),
}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _shown(option: Option, value: Any) -> Any:
    """Return an option's value as JSON can hold it; of one that may hold a key, whose they are."""
    if option.secret:
        return dict.fromkeys(value, "(not shown)")
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else getattr(item, "name", type(item).__name__) for item in value]
    return plain(value)


def examine(*, offline: bool = False) -> dict[str, Any]:
    """Return the report. Asks the live sources that are configured, unless `offline`; without them, no network."""
    with collected() as messages:
        settings = Settings.resolve({}, os.environ)
        way = path()
        live = probe.examine(settings, offline=offline)
    problems = [*messages, *live.pop("problems")]
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        problems.append("OTEL_SDK_DISABLED is true: the SDK makes no spans")
    elif way is Path.REBIND_END:
        problems.append(
            "register CarbonSpanProcessor before the exporting processor, or update opentelemetry-sdk to 1.40 or newer"
        )
    extras = {extra: all(_version(p) for p in packages) for extra, packages in EXTRAS.items()}
    return {
        "carbonspan": __version__,
        "method": METHOD_VERSION,
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "writeback": {"path": way.name.lower(), "meaning": way.value},
        "options": [
            {
                "option": option.name,
                "value": _shown(option, getattr(settings, option.name)),
                "from": settings.origins[option.name],
                "environment": option.environment,
                "allowed": option.allowed,
            }
            for option in OPTIONS
        ],
        "grid": list(dict.fromkeys(source.id for source in grid.bundled_sources() if not source.id.startswith("mix:"))),
        "live": live,
        "extras": extras,
        "problems": problems,
    }
