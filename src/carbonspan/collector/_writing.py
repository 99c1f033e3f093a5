# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Puts a configuration where the Collector reads it, whole or not at all, and tells the Collector that it is there."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path


def write(path: Path, content: str) -> bool:
    """Write a file so that a reader finds the old one or the new one, and return whether it changed.

    A file that holds this content already is left as it is, with its time. A link stays one.

    Raises:
        OSError: it cannot be written there.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no plain file; without --output it goes to standard output")
    if path.exists() and path.read_bytes() == content.encode():
        return False
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # As any new file of this process would be: a temporary one is for its owner alone.
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return True


def reload(process: str) -> int:
    """Tell a Collector to read its configuration again (SIGHUP), and return its process id.

    Args:
        process: A process id, or the path of a file that holds one.

    Raises:
        ValueError: it is neither; the message says what is allowed.
        OSError: there is no such process, or it is another user's.
    """
    number = process.strip()
    if not number.isdecimal():
        path = Path(process)
        number = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
    # 0 would be every process of this one's group.
    if not number.isdecimal() or int(number) == 0:
        raise ValueError(f"--reload-pid {process!r}; allowed: a process id, or the path of a file that holds one")
    try:
        os.kill(int(number), signal.SIGHUP)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"--reload-pid {process}") from error
    return int(number)
