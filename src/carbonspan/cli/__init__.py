# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The `carbonspan` command. Its libraries are an extra: without them it says which."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; exits 2 with one line where the extra `cli` is missing."""
    try:
        from carbonspan.cli._app import app  # noqa: PLC0415 - click and rich are an extra
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.stderr.write(f"the carbonspan command needs {error.name}: pip install 'carbonspan[cli]'\n")
        sys.exit(2)
    app()
