# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Who holds a lease, and whether that process still lives: so that only one process of a host asks a source."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from pathlib import Path
from typing import NamedTuple

from carbonspan.core._fork import renew_in_child

LEASE_S = 300.0
"""How long a lease lasts at most. A request with all its retries takes less; a holder that is gone is noticed at once
where it ran on this host, and after this time elsewhere."""

_CLOCKS_DIFFER_S = 60.0  # by how much a lease may seem to last longer: clocks of two hosts


class Holder(NamedTuple):
    """A process that holds a lease."""

    host: str
    pid: int
    token: str


_tokens: set[str] = set()  # of the leases that this process holds


@cache
def host() -> str:
    """Return what distinguishes process ids: the host's name, and where it has them the namespace of process ids."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())  # two containers that share a cache have the same ids
    except OSError:
        namespace = ""
    return socket.gethostname() + namespace


def take() -> Holder:
    """Return a new holder: this process."""
    token = secrets.token_hex(8)
    _tokens.add(token)
    return Holder(host(), os.getpid(), token)


def give_back(token: str) -> None:
    """Forget a token."""
    _tokens.discard(token)


def held(holder: Holder, until_s: float, now_s: float) -> bool:
    """Return whether a lease still keeps others out.

    Args:
        holder: who took it.
        until_s: when it ends, seconds since 1970.
        now_s: now.
    """
    if not now_s < until_s <= now_s + LEASE_S + _CLOCKS_DIFFER_S:
        return False  # over, or taken under another clock
    if holder.host != host():
        return True
    if holder.pid == os.getpid():
        return holder.token in _tokens  # else of an earlier process that had this id
    return _lives(holder.pid)


def _lives(pid: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere, signal 0 is a signal: the lease must run out
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's process
    return True


renew_in_child(_tokens.clear)
