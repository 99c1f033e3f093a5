# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A server that answers well unless it is given something else to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.sources.clients import GOOD
from tests.live.sources.faults import FaultServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(answer(GOOD)) as running:
        yield running
