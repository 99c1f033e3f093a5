# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The guard refuses what is outside this machine before it is asked for, and lets the rest through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# 192.0.2.0/24 is for documentation (RFC 5737), .invalid no domain (RFC 2606).
TRIES = """
import socket
from tests.matrix import guard

tried = guard.install()
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(("localhost", server.getsockname()[1])).close()
assert tried == []
for reach in (
    lambda: socket.getaddrinfo("api.example.invalid", 443),
    lambda: socket.gethostbyname("api.example.invalid"),
    lambda: socket.socket().connect(("192.0.2.1", 443)),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 53)),
):
    try:
        reach()
    except guard.OutsideError:
        continue
    raise SystemExit("it was let through")
assert len(tried) == 4, tried
"""


def test_what_is_outside_is_refused_and_told() -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", TRIES], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
