# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Write the dashboards' JSON beside this file, or, with `--check`, say which differ: `python -m dashboards.build`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import board, carbon_overview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).resolve().parent


def built() -> Mapping[Path, str]:
    """Return the JSON of each dashboard by its path, as it must stand in the repository."""
    boards = {board.OVERVIEW: carbon_overview.dashboard()}
    return {FOLDER / f"{uid}.json": _text(made.build()) for uid, made in boards.items()}


def main(arguments: Sequence[str]) -> int:
    """Write the files; with `--check` write none, and return 1 if any differs from what is built."""
    files = built()
    if "--check" in arguments:
        stale = [path.name for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
        sys.stderr.writelines(f"{name} is not what the code builds: run make dashboards\n" for name in stale)
        return 1 if stale else 0
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


def _text(made: object) -> str:
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
