# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What a machine must have for these tests: where it has not, a test is skipped with the reason, and fails in CI."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, NoReturn

import pytest

from examples.stack.native import programs_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def absent(reason: str) -> NoReturn:
    """Skip the test, and in CI fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def built(name: str) -> Path:
    """Return the path of one of the stack's programs."""
    found = programs_folder() / name
    if not found.is_file():
        absent(f"{name} has not been built: `make stack-programs` builds it into {found.parent}")
    return found


def on_the_path(name: str) -> str:
    """Return the path of a program that the machine has by itself."""
    return shutil.which(name) or absent(f"{name} is not installed: what Grafana publishes for Node cannot be used")


def npm_packages(name: str, files: Sequence[Path]) -> Path:
    """Return a folder with these files, a package.json and its lock among them, and what they name installed.

    In the cache of the stack's programs, once for each state of the files.
    """
    npm = on_the_path("npm")
    state = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    folder = programs_folder().parent / f"{name}-{state}"
    if not (folder / "node_modules" / ".package-lock.json").is_file():  # npm writes it when all is there
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - npm
    return folder
