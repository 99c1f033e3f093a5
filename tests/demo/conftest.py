# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo's tests share: its result, and an environment without settings of OpenTelemetry."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.demo.running import demo_run

if TYPE_CHECKING:
    from carbonspan.demo import DemoResult


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def result() -> DemoResult:
    """What the demo found in its one run."""
    return demo_run()[0]
