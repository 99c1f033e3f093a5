# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps a stack on this machine: whatever a package tries to reach outside it is refused, and told."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

_NAMES = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}  # noqa: S104 - a name that is allowed, none to bind to
_ADDRESSED = {"socket.connect", "socket.sendto"}
_ASKED = {"socket.getaddrinfo", "socket.gethostbyname"}


class OutsideError(OSError):
    """An address that is not this machine's. A client takes it for a network that is down."""


def install() -> list[str]:
    """Refuse all that leaves the machine, from now on and for good; return the list that such attempts come to.

    Python's audit hooks see every socket that Python code opens, whoever patched what.
    """
    tried: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _ADDRESSED:
            address = arguments[1]
            outside = isinstance(address, tuple) and not _local(address[0])
        elif event in _ASKED:
            address = arguments[0]
            outside = not _local(address.decode() if isinstance(address, bytes) else address)
        else:
            return
        if outside:
            tried.append(f"{event} {address}")
            raise OutsideError(f"outside this machine: {address}")

    sys.addaudithook(hook)
    return tried


def _local(host: Any) -> bool:
    if host in _NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
