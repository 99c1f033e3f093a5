# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A shared file that nobody has made yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carbonspan.live.cache._cache import HourCache
from tests.live.cache.helpers import NOON_S, at

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "grid.sqlite3"


@pytest.fixture
def cache(path: Path) -> HourCache:
    return HourCache(path, clock=at(NOON_S))
