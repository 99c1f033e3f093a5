# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - a script beside what it reads, no package
"""Writes the rules with short windows, to see alerts fire and clear within minutes on a test system.

    python timelapse.py --to timelapse-rules --every 15

Nothing but durations changes, and the least traffic that a comparison asks for. Not for production: means over seconds
are noise.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent

# In steps, each the time between two exports or scrapes. A week is long enough for the windows that end before it.
STEPS: Mapping[str, int] = {
    "5m": 5,
    "30m": 8,
    "1h": 10,
    "3h": 12,
    "6h": 12,
    "1d": 30,
    "2d": 300,
    "3d": 15,
    "1w": 40,
}
# Of a subquery: as fine as there are samples.
RESOLUTION_STEPS = 1
# How long a condition holds before its alert fires, whatever it is in production.
FOR_STEPS = 3

MINIMUM_REQUESTS = "vector(100)"


def shortened(rules: str, every_s: int, minimum_requests: int) -> str:
    """Return the text of a file of rules with every duration shortened.

    Args:
        rules: The text.
        every_s: Seconds between two samples of a series.
        minimum_requests: Within ten steps, for a mean to be compared.

    Raises:
        KeyError: a rule has a duration that `STEPS` does not name.
    """

    def seconds(match: re.Match[str]) -> str:
        before, window, resolution, after = match.groups()
        step = f":{RESOLUTION_STEPS * every_s}s" if resolution else ""
        return f"{before}{STEPS[window] * every_s}s{step}{after}"

    rules = re.sub(r"(\[)(\w+)(:\w+)?(\])", seconds, rules)
    rules = re.sub(r"(\boffset )(\w+)()()", seconds, rules)
    rules = re.sub(r"^( +for: )\w+$", rf"\g<1>{FOR_STEPS * every_s}s", rules, flags=re.MULTILINE)
    return rules.replace(MINIMUM_REQUESTS, f"vector({minimum_requests})")


def write(to: Path, *, every_s: int = 15, minimum_requests: int = 5) -> None:
    """Write every file of rules beside this one to a folder, shortened; see `shortened`."""
    to.mkdir(parents=True, exist_ok=True)
    for path in sorted(HERE.glob("*.yaml")):
        text = shortened(path.read_text(encoding="utf-8"), every_s, minimum_requests)
        (to / path.name).write_text(text, encoding="utf-8")


def main() -> None:
    """Write the rules to the folder that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, required=True, help="folder; made if missing")
    parser.add_argument("--every", type=int, default=15, help="seconds between two samples (default: %(default)s)")
    parser.add_argument("--minimum-requests", type=int, default=5, help="within ten of them (default: %(default)s)")
    options = parser.parse_args()
    write(options.to, every_s=options.every, minimum_requests=options.minimum_requests)


if __name__ == "__main__":
    main()
