# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""Calls of a process to one host are kept apart where a source asks for it."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from carbonspan.live.sources._base import Pace, pace_of
from tests.live.sources.clients import ask, client

if TYPE_CHECKING:
    from tests.live.sources.faults import FaultServer


def test_calls_are_kept_apart(server: FaultServer) -> None:
    pace = Pace(0.3)
    asked = [client(server, pace=pace) for _ in range(2)]
    began = time.monotonic()
    for one in (*asked, *asked):
        ask(one)
    assert time.monotonic() - began >= 0.89
    assert pace_of("http://a", 1.0) is pace_of("http://a", 1.0)
    assert pace_of("http://a", 1.0) is not pace_of("http://b", 1.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_keeps_a_pace_of_its_own() -> None:
    pace = pace_of("http://c", 100.0)
    pace.wait(threading.Event())
    child = os.fork()
    if child == 0:
        pace.wait(threading.Event())  # with the parent's turn it would take 100 s
        os._exit(0)
    began = time.monotonic()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert time.monotonic() - began < 50
    pace.renew()  # what the child does
    pace.wait(threading.Event())
    assert time.monotonic() - began < 50
