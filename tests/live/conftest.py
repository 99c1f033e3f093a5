# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server that stands in for a source, a refresher that asks it, and an end to every live grid that a test opened."""

from __future__ import annotations

import pytest

from tests.live.loopback import NOON, FakeClock, Loopback, LoopbackSource, closed, server
from tests.live.rig import Rig

__all__ = ["clock", "closed", "rig", "server"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def rig(clock: FakeClock, server: Loopback) -> Rig:
    return Rig(clock, LoopbackSource(server.port))
